-- A page of the blobs whose CIDs must be pinned, in order of their ids. $1 id after which it begins. A blob in quarantine
-- counts as well: its pin holds the blocks that are left.
SELECT id, digest, ipfs_cid, size FROM blobs WHERE id > $1 ORDER BY id LIMIT 5000
