-- At most $4 blobs whose bytes were last compared with their digest at $1 or before, those that have waited longest first.
-- Begins after the blob with id $3 that was compared at $2.
SELECT id, digest, ipfs_cid, size, quarantined_at, coalesce(scrubbed_at, created_at) AS compared_at,
    xmin::TEXT::BIGINT AS version
FROM blobs
WHERE (coalesce(scrubbed_at, created_at), id) > ($2, $3) AND coalesce(scrubbed_at, created_at) <= $1
ORDER BY coalesce(scrubbed_at, created_at), id
LIMIT $4
