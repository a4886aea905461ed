-- One row if the claim has not been lost to another one. Nobody takes it until the transaction ends. $1 CID, $2 claim.
SELECT FROM unpins WHERE ipfs_cid = $1 AND claimed_by = $2 FOR UPDATE
