-- One row if a CID is in the queue, not yet unpinned, and named by no row. One snapshot must answer all three, because a
-- session may queue the CID at any time while another one names it. $1 CID.
SELECT FROM unpins
WHERE ipfs_cid = $1 AND done_at IS NULL
  AND NOT EXISTS (SELECT FROM blobs WHERE ipfs_cid = $1)
  AND NOT EXISTS (SELECT FROM upload_parts WHERE ipfs_cid = $1)
