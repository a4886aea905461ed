-- Bytes of the blobs in the namespace $1. A blob counts once in each repository. Reads all links of the namespace, so it is
-- asked once a minute at most, and only where there is a limit.
SELECT coalesce(sum(b.size), 0)::BIGINT AS bytes
FROM repositories r
JOIN repository_blobs rb ON rb.repository_id = r.id
JOIN blobs b ON b.id = rb.blob_id
WHERE r.name = $1 OR (r.name > $1 || '/' AND r.name < $1 || '0')
