-- $1 repository, $2 tag.
DELETE FROM tags t USING repositories r
WHERE r.name = $1 AND t.repository_id = r.id AND t.name = $2
