-- Queues CIDs, in order, so that two of these never wait for each other. $1 CIDs.
INSERT INTO unpins (ipfs_cid)
SELECT DISTINCT cid COLLATE "C" AS cid FROM unnest($1::TEXT[]) u (cid) ORDER BY cid
ON CONFLICT (ipfs_cid) DO UPDATE SET requested_at = now(), done_at = NULL
