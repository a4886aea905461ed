-- $1 repository, $2 tag.
SELECT m.digest, m.content_type, m.size
FROM tags t
JOIN manifests m ON m.id = t.manifest_id
WHERE t.repository_id = (SELECT id FROM repositories WHERE name = $1) AND t.name = $2
