-- The media type of a manifest is what its pusher said, and two repositories may say two things about the same bytes.
-- Therefore it belongs to the link. NULL on a link of the previous version: the type is then that of the manifest's row.
-- The columns of `manifests` stay, for the previous version and for operators; they hold what the first pusher said.
ALTER TABLE repository_manifests
    ADD COLUMN content_type  TEXT,
    ADD COLUMN artifact_type TEXT;
