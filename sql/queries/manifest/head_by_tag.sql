-- $1 repository, $2 tag.
SELECT m.digest, m.content_type, m.size
FROM repositories r
JOIN tags t ON t.repository_id = r.id
JOIN manifests m ON m.id = t.manifest_id
WHERE r.name = $1 AND t.name = $2
