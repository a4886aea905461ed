-- Opens a session, unless the subject has $5 open ones. Returns how many it had, counted up to $5. $1 id, $2 repository,
-- $3 subject, $4 algorithm or NULL.
WITH open AS (
    SELECT count(*) AS sessions FROM (SELECT FROM uploads WHERE subject = $3 LIMIT $5) counted
), started AS (
    INSERT INTO uploads (id, repository_id, subject, algorithm)
    SELECT $1, r.id, $3, $4 FROM repositories r, open WHERE r.name = $2 AND open.sessions < $5
)
SELECT sessions FROM open
