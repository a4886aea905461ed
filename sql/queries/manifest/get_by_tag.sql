-- Finds the manifest of a tag. $1 repository, $2 tag, $3 to $5 the caller (see gate). Returns one row; its columns are
-- NULL when nothing is found. The foreign key of a tag guarantees that the repository holds the manifest, so the link is
-- read for its type only.
SELECT gate.allowed, found.*
FROM gate($1, $3, $4, $5) gate
LEFT JOIN LATERAL (
    SELECT m.digest, coalesce(link.content_type, m.content_type) AS content_type, m.raw
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
