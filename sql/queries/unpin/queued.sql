-- Whether a CID is in the queue, done or not. $1 CID.
SELECT FROM unpins WHERE ipfs_cid = $1
