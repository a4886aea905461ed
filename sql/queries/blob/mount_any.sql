-- Links a blob that any repository holds. $1 target, $2 digest.
INSERT INTO repository_blobs (repository_id, blob_id)
SELECT t.id, b.id
FROM repositories t, blobs b
CROSS JOIN LATERAL (
    SELECT FROM repository_blobs rb WHERE rb.blob_id = b.id LIMIT 1
) link
WHERE t.name = $1 AND b.digest = $2 AND b.quarantined_at IS NULL
ON CONFLICT (repository_id, blob_id) DO UPDATE SET created_at = repository_blobs.created_at
