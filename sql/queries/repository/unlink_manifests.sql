-- Removes at most $2 manifests, with their tags, from a repository. $1 repository.
WITH gone AS (
    SELECT repository_id, manifest_id
    FROM repository_manifests
    WHERE repository_id = (SELECT id FROM repositories WHERE name = $1)
    ORDER BY manifest_id
    LIMIT $2
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
