-- A page of the parts whose CIDs must be pinned, in order of session and offset. $1 and $2 session and offset after which
-- it begins.
SELECT upload_id, part_offset, ipfs_cid FROM upload_parts
WHERE (upload_id, part_offset) > ($1, $2) AND pinned
ORDER BY upload_id, part_offset
LIMIT 5000
