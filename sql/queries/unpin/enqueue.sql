-- Queues CIDs for unpinning, in the order of the CIDs, so that two of these statements never deadlock. $1 CIDs.
INSERT INTO unpins (ipfs_cid)
SELECT DISTINCT cid COLLATE "C" AS cid FROM unnest($1::TEXT[]) u (cid) ORDER BY cid
ON CONFLICT (ipfs_cid) DO UPDATE SET requested_at = now(), done_at = NULL, attempts = 0, next_try_at = now()
