-- A blob as a repository holds it. $1 repository, $2 digest, $3 to $5 who asks (see gate). One row at least; of NULLs when nothing is found.
-- The link is looked up by its whole key, here and wherever OFFSET 0 stands: a repository may hold far more, and a base
-- layer be in far more repositories, than the planner thinks.
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
