-- Locks the links of the manifests $1 and $2 (repositories, manifests). `busy` are those that somebody else has locked: a
-- tag or an index may be about to name them.
WITH due AS MATERIALIZED (
    SELECT q.repository_id, q.manifest_id
    FROM unnest($1::BIGINT[], $2::BIGINT[]) q (repository_id, manifest_id)
), locked AS MATERIALIZED (
    SELECT link.repository_id, link.manifest_id
    FROM due
    CROSS JOIN LATERAL (
        SELECT rm.repository_id, rm.manifest_id
        FROM repository_manifests rm
        WHERE rm.repository_id = due.repository_id AND rm.manifest_id = due.manifest_id
        FOR UPDATE OF rm SKIP LOCKED
    ) link
)
SELECT due.repository_id, due.manifest_id AS item_id, locked.manifest_id IS NULL AS busy
FROM due
LEFT JOIN locked ON locked.repository_id = due.repository_id AND locked.manifest_id = due.manifest_id
