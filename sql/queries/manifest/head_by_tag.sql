-- As manifest/get_by_tag, with the size instead of the bytes.
SELECT gate.allowed, found.*
FROM gate($1, $3, $4, $5) gate
LEFT JOIN LATERAL (
    SELECT m.digest, coalesce(link.content_type, m.content_type) AS content_type, m.size
    FROM tags t
    JOIN manifests m ON m.id = t.manifest_id
    CROSS JOIN LATERAL (
        SELECT rm.content_type FROM repository_manifests rm
        WHERE rm.repository_id = t.repository_id AND rm.manifest_id = t.manifest_id
        OFFSET 0
    ) link
    WHERE gate.allowed AND t.repository_id = gate.repository_id AND t.name = $2
    OFFSET 0
) found ON TRUE
