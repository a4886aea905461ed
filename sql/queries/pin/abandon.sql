-- Ends a claim whose CID no row came to name, so that the CID is unpinned. $1 CID, $2 claim.
UPDATE unpins SET claimed_by = NULL, claimed_until = NULL, next_try_at = now()
WHERE ipfs_cid = $1 AND claimed_by = $2
