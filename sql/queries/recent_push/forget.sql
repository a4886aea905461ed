-- Removes at most $2 notes of pushes that are older than $1 seconds. By the places of their rows, which are locked: the array
-- keeps the planner from expecting a tenth of the table.
DELETE FROM recent_pushes
WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM recent_pushes
    WHERE pushed_at <= now() - make_interval(secs => $1)
    ORDER BY pushed_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
))
