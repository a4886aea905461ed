-- Fills the types of the links. This is a migration of its own, because the one before it locks the table.
UPDATE repository_manifests rm SET content_type = m.content_type, artifact_type = m.artifact_type
FROM manifests m
WHERE m.id = rm.manifest_id AND rm.content_type IS NULL;
