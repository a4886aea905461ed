-- Removes a CID that a row names from the queue. $1 CID.
DELETE FROM unpins
WHERE ipfs_cid = $1
  AND (EXISTS (SELECT FROM blobs WHERE ipfs_cid = $1)
       OR EXISTS (SELECT FROM upload_parts WHERE ipfs_cid = $1))
