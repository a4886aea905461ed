-- What there is to scrub. $1 time: blobs that were compared then or before are due. Reads the whole table.
SELECT count(*) AS blobs,
    coalesce(sum(size), 0)::BIGINT AS bytes,
    count(*) FILTER (WHERE quarantined_at IS NOT NULL) AS quarantined,
    count(*) FILTER (WHERE scrubbed_at IS NULL) AS never,
    count(*) FILTER (WHERE coalesce(scrubbed_at, created_at) <= $1) AS due,
    coalesce(sum(size) FILTER (WHERE coalesce(scrubbed_at, created_at) <= $1), 0)::BIGINT AS due_bytes,
    min(coalesce(scrubbed_at, created_at)) AS oldest_at,
    max(scrubbed_at) AS newest_at
FROM blobs
