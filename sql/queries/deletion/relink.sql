-- Links those of the blobs $2 (digests) to $1 (a repository) again that were removed from it and are still stored.
INSERT INTO repository_blobs (repository_id, blob_id)
SELECT r.id, b.id
FROM repositories r, blobs b
WHERE r.name = $1 AND b.digest = ANY ($2) AND b.quarantined_at IS NULL
  AND EXISTS (
      SELECT FROM deletions d
      WHERE d.digest = b.digest AND d.repository = $1 AND d.kind = 'blob'
      OFFSET 0
  )
ORDER BY b.id
ON CONFLICT (repository_id, blob_id) DO UPDATE SET created_at = repository_blobs.created_at
