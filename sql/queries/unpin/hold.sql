-- Waits for transactions that are queueing a CID, so that the next statement sees their row. $1 CID.
SELECT FROM unpins WHERE ipfs_cid = $1 FOR UPDATE
