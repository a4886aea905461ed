-- Opens a session. $1 id, $2 repository, $3 subject, $4 algorithm or NULL.
INSERT INTO uploads (id, repository_id, subject, algorithm)
SELECT $1, id, $3, $4 FROM repositories WHERE name = $2
