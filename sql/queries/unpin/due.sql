-- The oldest CIDs of the queue that are not yet unpinned. $1 how many.
SELECT ipfs_cid FROM unpins WHERE done_at IS NULL ORDER BY requested_at LIMIT $1
