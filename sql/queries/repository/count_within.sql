-- Whether the repository $1 exists, and how many there are in the namespace $2, counted up to about $3. No character of a
-- name sorts between the slash and the zero.
SELECT EXISTS (SELECT FROM repositories WHERE name = $1) AS known, count(*) AS repositories
FROM (
    SELECT id FROM repositories WHERE name = $2
    UNION ALL
    (SELECT id FROM repositories WHERE name > $2 || '/' AND name < $2 || '0' ORDER BY name LIMIT $3)
) counted
