-- The parts of a session by offset. $1 id.
SELECT part_offset, size, ipfs_cid FROM upload_parts WHERE upload_id = $1 ORDER BY part_offset
