-- Removes those of the blobs $1 (ids) that still no repository holds, counts them and their bytes, and queues their CIDs for
-- unpinning. Runs after review/lock_blobs, so that its snapshot holds every link made before the lock.
WITH gone AS (
    DELETE FROM blobs b
    WHERE b.id = ANY ($1)
      AND NOT EXISTS (SELECT FROM repository_blobs rb WHERE rb.blob_id = b.id OFFSET 0)
    RETURNING b.ipfs_cid, b.size
), dropped AS (
    INSERT INTO unpins (ipfs_cid)
    SELECT DISTINCT ipfs_cid FROM gone ORDER BY ipfs_cid
    ON CONFLICT (ipfs_cid) DO UPDATE
    SET requested_at = now(), done_at = NULL, attempts = 0, next_try_at = now(), requests = unpins.requests + 1
)
SELECT count(*) AS removed, coalesce(sum(size), 0)::BIGINT AS bytes FROM gone
