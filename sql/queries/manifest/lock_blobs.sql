-- The blobs among $2 (digests) that $1 (a repository) holds, without those in quarantine. Their links are locked, in
-- the order of the digests, until the manifest that names them is committed. An unlink waits for that and then finds
-- the reference. The links are looked up one by one (see blob/get).
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
