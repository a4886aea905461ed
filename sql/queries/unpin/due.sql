-- The oldest of the queue. $1 how many.
SELECT ipfs_cid FROM unpins WHERE done_at IS NULL ORDER BY requested_at LIMIT $1
