-- At most $2 upload sessions of a repository. No index supports this, because there are never more sessions than one
-- day's. $1 repository.
SELECT u.id
FROM uploads u
JOIN repositories r ON r.id = u.repository_id
WHERE r.name = $1
LIMIT $2
FOR UPDATE OF u
