-- At most $2 sessions that have been idle for $1 seconds, the oldest first but for $3 that are skipped, locked until they
-- are removed. Skips sessions that are in use.
SELECT id FROM uploads
WHERE touched_at < now() - make_interval(secs => $1)
ORDER BY touched_at
LIMIT $2
OFFSET $3
FOR UPDATE SKIP LOCKED
