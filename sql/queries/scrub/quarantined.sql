-- At most $3 blobs under quarantine that nobody has looked at since $1. Begins after the blob with id $2.
SELECT id, digest, ipfs_cid, size, quarantined_at, coalesce(scrubbed_at, created_at) AS compared_at,
    xmin::TEXT::BIGINT AS version
FROM blobs
WHERE quarantined_at IS NOT NULL AND id > $2 AND greatest(scrubbed_at, quarantined_at) <= $1
ORDER BY id
LIMIT $3
