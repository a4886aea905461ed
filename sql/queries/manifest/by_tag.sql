-- $1 repository, $2 tag. A tag's foreign key says that the repository holds the manifest.
SELECT m.digest, m.content_type, m.raw
FROM repositories r
JOIN tags t ON t.repository_id = r.id
JOIN manifests m ON m.id = t.manifest_id
WHERE r.name = $1 AND t.name = $2
