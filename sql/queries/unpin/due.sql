-- The CIDs of the queue whose next attempt is due, those that have waited longest first. $1 how many.
SELECT ipfs_cid FROM unpins WHERE done_at IS NULL AND next_try_at <= now() ORDER BY next_try_at LIMIT $1
