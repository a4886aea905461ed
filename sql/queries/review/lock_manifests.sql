-- Locks those of the manifests $1 (ids) that no repository holds and no index names. As review/lock_blobs.
WITH due AS MATERIALIZED (
    SELECT q.id
    FROM unnest($1::BIGINT[]) q (id)
    WHERE EXISTS (SELECT FROM manifests m WHERE m.id = q.id OFFSET 0)
      AND NOT EXISTS (SELECT FROM repository_manifests rm WHERE rm.manifest_id = q.id OFFSET 0)
      AND NOT EXISTS (SELECT FROM manifest_children mc WHERE mc.child_manifest_id = q.id OFFSET 0)
), locked AS MATERIALIZED (
    SELECT held.id
    FROM due
    CROSS JOIN LATERAL (SELECT m.id FROM manifests m WHERE m.id = due.id FOR UPDATE OF m SKIP LOCKED) held
)
SELECT 0::BIGINT AS repository_id, due.id AS item_id, locked.id IS NULL AS busy
FROM due LEFT JOIN locked ON locked.id = due.id
