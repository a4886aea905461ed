-- The manifests among $2 (digests) that repository $1 holds. Not held: an index may outlive its children.
SELECT m.digest, m.id
FROM repositories r
JOIN repository_manifests rm ON rm.repository_id = r.id
JOIN manifests m ON m.id = rm.manifest_id
WHERE r.name = $1 AND m.digest = ANY ($2)
