-- Links a blob of $1 (a repository) to $2 (a repository), if the caller may pull from $1. $3 digest, $4 to $6 the
-- caller (see gate).
INSERT INTO repository_blobs (repository_id, blob_id)
SELECT t.id, b.id
FROM gate($1, $4, $5, $6) source
JOIN repositories t ON t.name = $2
JOIN blobs b ON b.digest = $3
CROSS JOIN LATERAL (
    SELECT FROM repository_blobs rb
    WHERE rb.repository_id = source.repository_id AND rb.blob_id = b.id
    OFFSET 0
) link
WHERE source.allowed AND b.quarantined_at IS NULL
ON CONFLICT (repository_id, blob_id) DO UPDATE SET created_at = repository_blobs.created_at
