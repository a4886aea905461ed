-- At most $3 sessions of a subject that have been idle for $2 seconds, the oldest first, locked until they are removed.
-- Skips sessions that are in use. $1 subject.
SELECT id FROM uploads
WHERE subject = $1 AND touched_at < now() - make_interval(secs => $2)
ORDER BY touched_at
LIMIT $3
FOR UPDATE SKIP LOCKED
