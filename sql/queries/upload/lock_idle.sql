-- Sessions that nobody touched for $1 seconds, the oldest first, at most $2; those in use are left alone.
SELECT id FROM uploads
WHERE touched_at < now() - make_interval(secs => $1)
ORDER BY touched_at
LIMIT $2
FOR UPDATE SKIP LOCKED
