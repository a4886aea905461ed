-- Whether a CID is in the queue, still to be unpinned, and named by nothing: one snapshot must say all three, for a
-- session may queue it at any time while another names it. $1 CID.
SELECT FROM unpins
WHERE ipfs_cid = $1 AND done_at IS NULL
  AND NOT EXISTS (SELECT FROM blobs WHERE ipfs_cid = $1)
  AND NOT EXISTS (SELECT FROM upload_parts WHERE ipfs_cid = $1)
