-- Queues CIDs that are pinned although no row names them. They are due in an hour, because a row may be about to name them.
-- $1 CIDs.
INSERT INTO unpins (ipfs_cid, next_try_at)
SELECT cid, now() + INTERVAL '1 hour' FROM unnest($1::TEXT[]) pinned (cid) ORDER BY cid COLLATE "C"
ON CONFLICT (ipfs_cid) DO NOTHING
