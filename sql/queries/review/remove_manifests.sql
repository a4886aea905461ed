-- Removes those of the manifests $1 (ids) that still no repository holds and no index names, and counts them and their
-- bytes. Runs after review/lock_manifests.
WITH gone AS (
    DELETE FROM manifests m
    WHERE m.id = ANY ($1)
      AND NOT EXISTS (SELECT FROM repository_manifests rm WHERE rm.manifest_id = m.id OFFSET 0)
      AND NOT EXISTS (SELECT FROM manifest_children mc WHERE mc.child_manifest_id = m.id OFFSET 0)
    RETURNING m.size
)
SELECT count(*) AS removed, coalesce(sum(size), 0)::BIGINT AS bytes FROM gone
