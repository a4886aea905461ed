-- $1 repository, $2 tag. A tag's foreign key says that the repository holds the manifest.
SELECT m.digest, m.content_type, m.raw
FROM tags t
JOIN manifests m ON m.id = t.manifest_id
WHERE t.repository_id = (SELECT id FROM repositories WHERE name = $1) AND t.name = $2
