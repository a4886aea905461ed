-- Removes tombstones that no upload can still be older than. $1 how many.
DELETE FROM unpins
WHERE ipfs_cid IN (
    SELECT ipfs_cid FROM unpins
    WHERE done_at < now() - INTERVAL '2 days'
    ORDER BY done_at
    LIMIT $1
    FOR UPDATE SKIP LOCKED
)
