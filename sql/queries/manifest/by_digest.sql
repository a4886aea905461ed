-- $1 repository, $2 digest.
SELECT m.digest, m.content_type, m.raw
FROM repositories r
JOIN repository_manifests rm ON rm.repository_id = r.id
JOIN manifests m ON m.id = rm.manifest_id
WHERE r.name = $1 AND m.digest = $2
