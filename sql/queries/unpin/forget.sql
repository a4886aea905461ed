-- Removes tombstones that no upload can still be older than. $1 how many. By an array, so that the planner does not
-- think of a tenth of the table.
DELETE FROM unpins
WHERE ipfs_cid = ANY (ARRAY(
    SELECT ipfs_cid FROM unpins
    WHERE done_at < now() - INTERVAL '2 days'
    ORDER BY done_at
    LIMIT $1
    FOR UPDATE SKIP LOCKED
))
