-- Notes that up to a hundred parts are to be pinned, and returns their CIDs. The note comes before the pin, so that the end
-- of the session drops it.
UPDATE upload_parts p SET pinned = TRUE
FROM (
    SELECT upload_id, part_offset FROM upload_parts WHERE NOT pinned
    ORDER BY upload_id, part_offset
    LIMIT 100
    FOR UPDATE SKIP LOCKED
) unpinned
WHERE p.upload_id = unpinned.upload_id AND p.part_offset = unpinned.part_offset
RETURNING p.ipfs_cid
