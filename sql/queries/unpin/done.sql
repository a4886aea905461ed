-- Turns the row of an unpinned CID into a tombstone. $1 CID.
UPDATE unpins SET done_at = now() WHERE ipfs_cid = $1
