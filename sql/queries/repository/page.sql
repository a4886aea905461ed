-- The catalog in byte order. $1 the name before the page, '' for the first; $2 how many.
SELECT name FROM repositories WHERE name > $1 ORDER BY name LIMIT $2
