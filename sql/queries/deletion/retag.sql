-- Sets the tags of a manifest again that were removed with it at $3 (a time), but for those that exist. Returns their names.
-- $1 repository, $2 digest.
INSERT INTO tags (repository_id, name, manifest_id, manifest_digest)
SELECT DISTINCT rm.repository_id, d.tag, rm.manifest_id, d.digest
FROM deletions d
JOIN repositories r ON r.name = d.repository
JOIN manifests m ON m.digest = d.digest
JOIN repository_manifests rm ON rm.repository_id = r.id AND rm.manifest_id = m.id
WHERE d.repository = $1 AND d.digest = $2 AND d.kind = 'tag' AND d.deleted_at = $3
ORDER BY d.tag
ON CONFLICT (repository_id, name) DO NOTHING
RETURNING name
