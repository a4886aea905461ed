-- Ends the sessions $1 (ids), which are locked, and queues the CIDs of their pinned parts for unpinning. The
-- blocks of the other parts are garbage.
WITH parts AS (
    DELETE FROM upload_parts WHERE upload_id = ANY ($1) RETURNING ipfs_cid, pinned
), ended AS (
    DELETE FROM uploads WHERE id = ANY ($1) RETURNING id
), dropped AS (
    INSERT INTO unpins (ipfs_cid)
    SELECT DISTINCT ipfs_cid FROM parts WHERE pinned ORDER BY ipfs_cid
    ON CONFLICT (ipfs_cid) DO UPDATE
    SET requested_at = now(), done_at = NULL, attempts = 0, next_try_at = now(), requests = unpins.requests + 1
), noted AS (
    UPDATE collection SET garbage = TRUE WHERE NOT garbage
)
SELECT count(*) AS ended FROM ended
