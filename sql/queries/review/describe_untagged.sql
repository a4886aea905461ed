-- What a policy has to know about the manifests $1 and $2 (repositories, manifests). Those that the repository does not hold
-- are left out.
SELECT q.repository_id, q.item_id, r.name AS repository, m.digest, m.size,
    coalesce((
        SELECT extract(epoch FROM now() - w.quiet_since)::FLOAT8 FROM reviews w
        WHERE w.kind = 'untagged' AND w.repository_id = q.repository_id AND w.item_id = q.item_id
    ), 0) AS quiet,
    EXISTS (
        SELECT FROM tags t WHERE t.repository_id = q.repository_id AND t.manifest_id = q.item_id OFFSET 0
    ) AS tagged,
    EXISTS (
        SELECT FROM manifest_children mc
        WHERE mc.repository_id = q.repository_id AND mc.child_manifest_id = q.item_id
        OFFSET 0
    ) AS indexed,
    EXISTS (
        SELECT FROM repository_manifests other
        WHERE other.repository_id = q.repository_id AND other.subject_digest = m.digest
        OFFSET 0
    ) AS referred,
    rm.subject_digest IS NOT NULL AND EXISTS (
        SELECT FROM manifests s
        JOIN repository_manifests held ON held.repository_id = q.repository_id AND held.manifest_id = s.id
        WHERE s.digest = rm.subject_digest
        OFFSET 0
    ) AS refers
FROM unnest($1::BIGINT[], $2::BIGINT[]) q (repository_id, item_id)
JOIN repositories r ON r.id = q.repository_id
JOIN manifests m ON m.id = q.item_id
CROSS JOIN LATERAL (
    SELECT rm.subject_digest FROM repository_manifests rm
    WHERE rm.repository_id = q.repository_id AND rm.manifest_id = q.item_id
    OFFSET 0
) rm
