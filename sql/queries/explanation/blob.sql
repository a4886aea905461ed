-- A blob, whether a repository holds it or not: when a review looks at it, NULL if none is to come, and until when a push or
-- the queue of pins works on its CID. $1 digest, $2 seconds of the window.
SELECT b.ipfs_cid, b.size, b.created_at, b.quarantined_at IS NOT NULL AS quarantined,
    (
        SELECT q.review_from + make_interval(secs => $2) FROM reviews q
        WHERE q.kind = 'blob' AND q.repository_id = 0 AND q.item_id = b.id
    ) AS reviewed_at,
    (SELECT claimed_until FROM unpins u WHERE u.ipfs_cid = b.ipfs_cid AND u.claimed_until > now()) AS claimed_until,
    (SELECT count(*) FROM repository_blobs rb WHERE rb.blob_id = b.id) AS repositories
FROM blobs b
WHERE b.digest = $1
