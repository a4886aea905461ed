-- The sound blobs among $2 (digests) that repository $1 holds. Their links are held, in the order of the digests, until
-- the manifest that names them is committed: an unlink waits, and then finds the reference. The links are looked up one
-- by one (see blob/linked).
WITH wanted AS MATERIALIZED (
    SELECT id, digest FROM blobs
    WHERE digest = ANY ($2) AND quarantined_at IS NULL
    ORDER BY digest
)
SELECT wanted.digest, link.blob_id AS id
FROM wanted
CROSS JOIN LATERAL (
    SELECT rb.blob_id FROM repository_blobs rb
    WHERE rb.repository_id = (SELECT id FROM repositories WHERE name = $1) AND rb.blob_id = wanted.id
    FOR KEY SHARE OF rb
) link
