-- Locks those of the blobs $1 (ids) that no repository holds, and the rows of their CIDs in the queue of pins. `busy` are
-- those of which somebody else has locked either: a push locks the CID first and then the blob, so nobody may wait for the
-- CID here. Whoever unlinks a blob queues it again, so a blob that is held now is done with.
WITH due AS MATERIALIZED (
    SELECT b.id, b.ipfs_cid
    FROM unnest($1::BIGINT[]) q (id)
    CROSS JOIN LATERAL (SELECT b.id, b.ipfs_cid FROM blobs b WHERE b.id = q.id OFFSET 0) b
    WHERE NOT EXISTS (SELECT FROM repository_blobs rb WHERE rb.blob_id = q.id OFFSET 0)
), pins AS MATERIALIZED (
    SELECT due.id, found.ipfs_cid IS NOT NULL AS queued, free.ipfs_cid IS NOT NULL AS free
    FROM due
    LEFT JOIN LATERAL (
        SELECT u.ipfs_cid FROM unpins u WHERE u.ipfs_cid = due.ipfs_cid OFFSET 0
    ) found ON TRUE
    LEFT JOIN LATERAL (
        SELECT u.ipfs_cid FROM unpins u WHERE u.ipfs_cid = due.ipfs_cid FOR UPDATE OF u SKIP LOCKED
    ) free ON TRUE
), locked AS MATERIALIZED (
    SELECT held.id
    FROM pins
    CROSS JOIN LATERAL (SELECT b.id FROM blobs b WHERE b.id = pins.id FOR UPDATE OF b SKIP LOCKED) held
    WHERE pins.free OR NOT pins.queued
)
SELECT 0::BIGINT AS repository_id, due.id AS item_id, locked.id IS NULL AS busy
FROM due LEFT JOIN locked ON locked.id = due.id
