-- Holds a manifest that is already here until its new tags are committed: a deletion waits, and then finds them. Before
-- the tags, as in manifest/lock_link, so that the two never wait for each other. $1 repository, $2 digest.
SELECT rm.manifest_id
FROM repositories r
JOIN repository_manifests rm ON rm.repository_id = r.id
JOIN manifests m ON m.id = rm.manifest_id
WHERE r.name = $1 AND m.digest = $2
FOR KEY SHARE OF rm
