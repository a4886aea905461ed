-- Finds a manifest in a repository. $1 repository, $2 digest, $3 to $5 the caller (see gate). Returns one row; its
-- columns are NULL when nothing is found.
SELECT gate.allowed, found.*
FROM gate($1, $3, $4, $5) gate
LEFT JOIN LATERAL (
    SELECT m.digest, coalesce(link.content_type, m.content_type) AS content_type, m.raw
    FROM manifests m
    CROSS JOIN LATERAL (
        SELECT rm.content_type FROM repository_manifests rm
        WHERE rm.repository_id = gate.repository_id AND rm.manifest_id = m.id
        OFFSET 0
    ) link
    WHERE gate.allowed AND m.digest = $2
    OFFSET 0
) found ON TRUE
