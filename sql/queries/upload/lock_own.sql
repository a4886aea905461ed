-- A session of this subject, locked until it is removed. $1 repository, $2 id, $3 subject.
SELECT u.id
FROM uploads u
JOIN repositories r ON r.id = u.repository_id
WHERE u.id = $2 AND r.name = $1 AND u.subject = $3
FOR UPDATE OF u
