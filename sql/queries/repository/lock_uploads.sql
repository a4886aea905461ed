-- Sessions of a repository, at most $2. Nothing indexes them by it: there are no more than one day's. $1 repository.
SELECT u.id
FROM uploads u
JOIN repositories r ON r.id = u.repository_id
WHERE r.name = $1
LIMIT $2
FOR UPDATE OF u
