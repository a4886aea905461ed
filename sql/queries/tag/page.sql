-- Tags in byte order; one row of NULL when the page is empty, none when there is no such repository.
-- $1 repository, $2 the tag before the page, '' for the first; $3 how many.
SELECT t.name
FROM repositories r
LEFT JOIN LATERAL (
    SELECT name FROM tags
    WHERE repository_id = r.id AND name > $2
    ORDER BY name
    LIMIT $3
) t ON TRUE
WHERE r.name = $1
ORDER BY t.name
