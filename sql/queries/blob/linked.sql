-- A blob as a repository holds it. $1 repository, $2 digest. The link is looked up by its whole key, here and wherever
-- OFFSET 0 stands: a repository may hold far more, and a base layer be in far more repositories, than the planner thinks.
SELECT b.ipfs_cid, b.size, b.quarantined_at IS NOT NULL AS quarantined
FROM blobs b
CROSS JOIN LATERAL (
    SELECT FROM repository_blobs rb
    WHERE rb.repository_id = (SELECT id FROM repositories WHERE name = $1) AND rb.blob_id = b.id
    OFFSET 0
) link
WHERE b.digest = $2
