-- Removes a manifest from a repository, with its tags there. Runs after manifest/lock_link. $1 repository, $2 digest.
WITH gone AS (
    SELECT rm.repository_id, rm.manifest_id
    FROM repositories r
    JOIN repository_manifests rm ON rm.repository_id = r.id
    JOIN manifests m ON m.id = rm.manifest_id
    WHERE r.name = $1 AND m.digest = $2
), untagged AS (
    DELETE FROM tags t USING gone
    WHERE t.repository_id = gone.repository_id AND t.manifest_id = gone.manifest_id
), unneeded AS (
    DELETE FROM manifest_blobs mb USING gone
    WHERE mb.repository_id = gone.repository_id AND mb.manifest_id = gone.manifest_id
), orphaned AS (
    DELETE FROM manifest_children mc USING gone
    WHERE mc.repository_id = gone.repository_id AND mc.index_id = gone.manifest_id
)
DELETE FROM repository_manifests rm USING gone
WHERE rm.repository_id = gone.repository_id AND rm.manifest_id = gone.manifest_id
