-- Turns an upload into a blob. Changes nothing and returns no row if the repository is gone, if the claim is lost, if blocks
-- may have been removed since the epoch, or if the upload is gone or has another length than its writer expects. The first
-- CID of a digest stays, unless the blob is in quarantine. Every CID that is no longer needed is queued for unpinning. Runs
-- after upload/lock, pin/hold, blob/lock and collection/share. $1 repository, $2 digest, $3 CID, $4 size, $5 upload or NULL,
-- $6 expected length of the upload, $7 the claim under which the CID was pinned, $8 epoch in which the blocks were stored,
-- or NULL.
WITH target AS (
    SELECT id FROM repositories
    WHERE name = $1
      AND ($5::UUID IS NULL OR EXISTS (SELECT FROM uploads WHERE id = $5 AND received = $6))
      AND EXISTS (SELECT FROM unpins WHERE ipfs_cid = $3 AND claimed_by = $7)
      AND ($8::BIGINT IS NULL OR EXISTS (SELECT FROM collection WHERE epoch = $8))
), before AS (
    SELECT ipfs_cid FROM blobs WHERE digest = $2
), blob AS (
    INSERT INTO blobs (digest, ipfs_cid, size) SELECT $2, $3, $4 FROM target
    ON CONFLICT (digest) DO UPDATE SET
        ipfs_cid = CASE WHEN blobs.quarantined_at IS NULL THEN blobs.ipfs_cid ELSE excluded.ipfs_cid END,
        quarantined_at = NULL
    RETURNING id, ipfs_cid
), link AS (
    INSERT INTO repository_blobs (repository_id, blob_id)
    SELECT target.id, blob.id FROM target, blob
    ON CONFLICT (repository_id, blob_id) DO NOTHING
), parts AS (
    DELETE FROM upload_parts p USING target WHERE p.upload_id = $5 RETURNING p.ipfs_cid, p.pinned
), upload AS (
    DELETE FROM uploads u USING target WHERE u.id = $5 RETURNING u.repository_id, u.subject
), pushed AS (
    -- Lets a token that expires between the last blob and the manifest still push the manifest.
    INSERT INTO recent_pushes (repository_id, subject)
    SELECT repository_id, subject FROM upload WHERE subject <> ''
    ON CONFLICT (repository_id, subject) DO UPDATE SET pushed_at = now()
), dropped AS (
    INSERT INTO unpins (ipfs_cid)
    SELECT c.cid
    FROM (
        SELECT ipfs_cid FROM parts WHERE pinned
        UNION SELECT ipfs_cid FROM before
    ) c (cid), blob
    WHERE c.cid <> blob.ipfs_cid
    ORDER BY c.cid COLLATE "C"
    ON CONFLICT (ipfs_cid) DO UPDATE
    SET requested_at = now(), done_at = NULL, attempts = 0, next_try_at = now(), requests = unpins.requests + 1
)
SELECT ipfs_cid FROM blob
