-- Ends the sessions $1 (ids), which are locked, and queues the CIDs of their parts for unpinning.
WITH parts AS (
    DELETE FROM upload_parts WHERE upload_id = ANY ($1) RETURNING ipfs_cid
), ended AS (
    DELETE FROM uploads WHERE id = ANY ($1) RETURNING id
), dropped AS (
    INSERT INTO unpins (ipfs_cid)
    SELECT DISTINCT ipfs_cid FROM parts ORDER BY ipfs_cid
    ON CONFLICT (ipfs_cid) DO UPDATE
    SET requested_at = now(), done_at = NULL, attempts = 0, next_try_at = now()
)
SELECT count(*) AS ended FROM ended
