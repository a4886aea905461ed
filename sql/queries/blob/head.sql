-- As blob/get, and whether the link has been quiet for $3 seconds and nothing is known to need it: then a review removes it
-- soon.
SELECT gate.allowed, found.*
FROM gate($1, $4, $5, $6) gate
LEFT JOIN LATERAL (
    SELECT b.ipfs_cid, b.size, b.quarantined_at IS NOT NULL AS quarantined,
        EXISTS (
            SELECT FROM reviews q
            WHERE q.kind = 'link' AND q.repository_id = gate.repository_id AND q.item_id = b.id
              AND q.review_from <= now() - make_interval(secs => $3)
            OFFSET 0
        ) AS expiring
    FROM blobs b
    CROSS JOIN LATERAL (
        SELECT FROM repository_blobs rb
        WHERE rb.repository_id = gate.repository_id AND rb.blob_id = b.id
        OFFSET 0
    ) link
    WHERE gate.allowed AND b.digest = $2
    OFFSET 0
) found ON TRUE
