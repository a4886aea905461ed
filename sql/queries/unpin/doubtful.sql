-- Up to a thousand CIDs whose pin an earlier call may still drop, and which a row names.
SELECT u.ipfs_cid FROM unpins u
WHERE u.doubt_until IS NOT NULL AND u.doubt_until > now()
  AND ((SELECT TRUE FROM blobs b WHERE b.ipfs_cid = u.ipfs_cid LIMIT 1) IS TRUE
       OR (SELECT TRUE FROM upload_parts p WHERE p.ipfs_cid = u.ipfs_cid AND p.pinned LIMIT 1) IS TRUE)
LIMIT 1000
