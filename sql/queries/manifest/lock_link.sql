-- Holds off whoever is about to tag a manifest, or waits for who is doing it. $1 repository, $2 digest.
SELECT rm.manifest_id
FROM repositories r
JOIN repository_manifests rm ON rm.repository_id = r.id
JOIN manifests m ON m.id = rm.manifest_id
WHERE r.name = $1 AND m.digest = $2
FOR UPDATE OF rm
