-- Locks and returns at most $2 upload sessions of a repository. No index supports this: idle sessions expire after a
-- day, so there are few. $1 repository.
SELECT u.id
FROM uploads u
JOIN repositories r ON r.id = u.repository_id
WHERE r.name = $1
LIMIT $2
FOR UPDATE OF u
