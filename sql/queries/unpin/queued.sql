-- One row if a CID is in the queue, unpinned or not. $1 CID.
SELECT FROM unpins WHERE ipfs_cid = $1
