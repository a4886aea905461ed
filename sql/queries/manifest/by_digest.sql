-- $1 repository, $2 digest.
SELECT m.digest, m.content_type, m.raw
FROM manifests m
CROSS JOIN LATERAL (
    SELECT FROM repository_manifests rm
    WHERE rm.repository_id = (SELECT id FROM repositories WHERE name = $1) AND rm.manifest_id = m.id
    OFFSET 0
) link
WHERE m.digest = $2
