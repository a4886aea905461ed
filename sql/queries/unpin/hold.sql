-- Waits for whoever is queueing a CID, so that what comes after sees what they did. $1 CID.
SELECT FROM unpins WHERE ipfs_cid = $1 FOR UPDATE
