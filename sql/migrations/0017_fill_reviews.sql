-- Queues what nobody needed before the triggers were there. This is a migration of its own, because the one before it locks
-- the tables. The job find-untagged queues untagged manifests, where a policy asks for it.
INSERT INTO reviews (kind, repository_id, item_id)
SELECT 'link', rb.repository_id, rb.blob_id
FROM repository_blobs rb
WHERE NOT EXISTS (
        SELECT FROM manifest_blobs mb WHERE mb.repository_id = rb.repository_id AND mb.blob_id = rb.blob_id
    )
    AND NOT EXISTS (
        SELECT FROM manifest_children mc
        WHERE mc.repository_id = rb.repository_id AND mc.child_blob_id = rb.blob_id
    )
ON CONFLICT (kind, repository_id, item_id) DO NOTHING;

INSERT INTO reviews (kind, repository_id, item_id)
SELECT 'blob', 0, b.id
FROM blobs b
WHERE NOT EXISTS (SELECT FROM repository_blobs rb WHERE rb.blob_id = b.id)
ON CONFLICT (kind, repository_id, item_id) DO NOTHING;

INSERT INTO reviews (kind, repository_id, item_id)
SELECT 'manifest', 0, m.id
FROM manifests m
WHERE NOT EXISTS (SELECT FROM repository_manifests rm WHERE rm.manifest_id = m.id)
ON CONFLICT (kind, repository_id, item_id) DO NOTHING;
