-- Two indexes for the removal of repositories that nobody uses: it asks for the uploads in a repository and for grants on
-- exactly its name. The first also serves the foreign key when a repository is removed.
CREATE INDEX uploads_repository ON uploads (repository_id);
CREATE INDEX grants_pattern ON grants (pattern);
