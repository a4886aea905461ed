-- Removes at most $2 deletions that are older than $1 seconds.
DELETE FROM deletions
WHERE id = ANY (ARRAY(
    SELECT id FROM deletions
    WHERE deleted_at <= now() - make_interval(secs => $1)
    ORDER BY deleted_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
))
