-- Turns an upload into a blob. The first CID of a digest stays, unless the blob is in quarantine. Every CID that is no
-- longer needed is queued for unpinning. Runs after blob/lock. $1 repository, $2 digest, $3 claimed CID, $4 size, $5
-- upload or NULL, $6 superseded CIDs, $7 whether the claimed CID is in the queue. If it is, its row is updated here, so
-- that rows are locked in the order of their CIDs, and unpin/keep deletes it afterwards.
WITH before AS (
    SELECT ipfs_cid FROM blobs WHERE digest = $2
), blob AS (
    INSERT INTO blobs (digest, ipfs_cid, size) VALUES ($2, $3, $4)
    ON CONFLICT (digest) DO UPDATE SET
        ipfs_cid = CASE WHEN blobs.quarantined_at IS NULL THEN blobs.ipfs_cid ELSE excluded.ipfs_cid END,
        quarantined_at = NULL
    RETURNING id, ipfs_cid
), link AS (
    INSERT INTO repository_blobs (repository_id, blob_id)
    SELECT r.id, blob.id FROM repositories r, blob WHERE r.name = $1
    ON CONFLICT (repository_id, blob_id) DO NOTHING
), parts AS (
    DELETE FROM upload_parts WHERE upload_id = $5 RETURNING ipfs_cid
), upload AS (
    DELETE FROM uploads WHERE id = $5 RETURNING repository_id, subject
), pushed AS (
    -- Lets a token that expires between the last blob and the manifest still push the manifest.
    INSERT INTO recent_pushes (repository_id, subject)
    SELECT repository_id, subject FROM upload WHERE subject <> ''
    ON CONFLICT (repository_id, subject) DO UPDATE SET pushed_at = now()
), dropped AS (
    INSERT INTO unpins (ipfs_cid)
    SELECT c.cid
    FROM (
        SELECT ipfs_cid FROM parts
        UNION SELECT unnest($6::TEXT[])
        UNION SELECT ipfs_cid FROM before
        UNION SELECT $3
    ) c (cid), blob
    WHERE c.cid <> blob.ipfs_cid OR (c.cid = $3 AND $7)
    ORDER BY c.cid COLLATE "C"
    ON CONFLICT (ipfs_cid) DO UPDATE
    SET requested_at = now(), done_at = NULL, attempts = 0, next_try_at = now()
)
SELECT ipfs_cid FROM blob
