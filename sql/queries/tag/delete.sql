-- Removes a tag. $1 repository, $2 tag.
DELETE FROM tags
WHERE repository_id = (SELECT id FROM repositories WHERE name = $1) AND name = $2
