-- Removes at most $1 tombstones that are older than any open upload. The array keeps the planner from expecting a tenth
-- of the table.
DELETE FROM unpins
WHERE ipfs_cid = ANY (ARRAY(
    SELECT ipfs_cid FROM unpins
    WHERE done_at < now() - INTERVAL '2 days'
    ORDER BY done_at
    LIMIT $1
    FOR UPDATE SKIP LOCKED
))
