-- Opens a session, unless the subject has $5 open ones. Returns how many it had, counted up to $5, and whether there is a
-- session now. $1 id, $2 repository,
-- $3 subject, $4 algorithm or NULL. The range and its order keep PostgreSQL on the index of subjects: it would read the
-- whole table instead when one subject has nearly all sessions.
WITH open AS (
    SELECT count(*) AS sessions
    FROM (SELECT FROM uploads WHERE subject BETWEEN $3 AND $3 ORDER BY subject, touched_at LIMIT $5) counted
), started AS (
    INSERT INTO uploads (id, repository_id, subject, algorithm)
    SELECT $1, r.id, $3, $4 FROM repositories r, open WHERE r.name = $2 AND open.sessions < $5
    RETURNING id
)
SELECT open.sessions, EXISTS (SELECT FROM started) AS started FROM open
