-- As manifest/head_by_digest, and whether the manifest has been quiet for $3 seconds and is not known to be needed (see
-- blob/head). For repositories that do not keep untagged manifests.
SELECT gate.allowed, found.*
FROM gate($1, $4, $5, $6) gate
LEFT JOIN LATERAL (
    SELECT m.digest, coalesce(link.content_type, m.content_type) AS content_type, m.size,
        EXISTS (
            SELECT FROM reviews q
            WHERE q.kind = 'untagged' AND q.repository_id = gate.repository_id AND q.item_id = m.id
              AND q.review_from <= now() - make_interval(secs => $3)
            OFFSET 0
        ) AS expiring
    FROM manifests m
    CROSS JOIN LATERAL (
        SELECT rm.content_type FROM repository_manifests rm
        WHERE rm.repository_id = gate.repository_id AND rm.manifest_id = m.id
        OFFSET 0
    ) link
    WHERE gate.allowed AND m.digest = $2
    OFFSET 0
) found ON TRUE
