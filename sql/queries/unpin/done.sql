-- Leaves the tombstone. $1 CID.
UPDATE unpins SET done_at = now() WHERE ipfs_cid = $1
