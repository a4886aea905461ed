-- Finds a blob in a repository. $1 repository, $2 digest, $3 to $5 the caller (see gate). Returns one row; its columns
-- are NULL when nothing is found.
-- The planner underestimates how many blobs a repository holds, and how many repositories hold a base layer. OFFSET 0,
-- here and in other statements, makes it look the link up by its whole key.
SELECT gate.allowed, found.*
FROM gate($1, $3, $4, $5) gate
LEFT JOIN LATERAL (
    SELECT b.ipfs_cid, b.size, b.quarantined_at IS NOT NULL AS quarantined
    FROM blobs b
    CROSS JOIN LATERAL (
        SELECT FROM repository_blobs rb
        WHERE rb.repository_id = gate.repository_id AND rb.blob_id = b.id
        OFFSET 0
    ) link
    WHERE gate.allowed AND b.digest = $2
    OFFSET 0
) found ON TRUE
