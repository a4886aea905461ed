-- Removes those of the manifests $1 and $2 (repositories, manifests) from their repositories that still no tag, no index and
-- no referrer names, and that are no referrers of a manifest there. Counts them. Runs after review/lock_untagged.
WITH gone AS MATERIALIZED (
    SELECT rm.repository_id, rm.manifest_id
    FROM unnest($1::BIGINT[], $2::BIGINT[]) locked (repository_id, manifest_id)
    JOIN manifests m ON m.id = locked.manifest_id
    CROSS JOIN LATERAL (
        SELECT rm.repository_id, rm.manifest_id, rm.subject_digest FROM repository_manifests rm
        WHERE rm.repository_id = locked.repository_id AND rm.manifest_id = locked.manifest_id
        OFFSET 0
    ) rm
    WHERE NOT EXISTS (
            SELECT FROM tags t
            WHERE t.repository_id = rm.repository_id AND t.manifest_id = rm.manifest_id
            OFFSET 0
        )
        AND NOT EXISTS (
            SELECT FROM manifest_children mc
            WHERE mc.repository_id = rm.repository_id AND mc.child_manifest_id = rm.manifest_id
            OFFSET 0
        )
        AND NOT EXISTS (
            SELECT FROM repository_manifests other
            WHERE other.repository_id = rm.repository_id AND other.subject_digest = m.digest
            OFFSET 0
        )
        AND NOT EXISTS (
            SELECT FROM manifests s
            JOIN repository_manifests held ON held.repository_id = rm.repository_id AND held.manifest_id = s.id
            WHERE s.digest = rm.subject_digest
            OFFSET 0
        )
), unneeded AS (
    DELETE FROM manifest_blobs mb USING gone
    WHERE mb.repository_id = gone.repository_id AND mb.manifest_id = gone.manifest_id
), orphaned AS (
    DELETE FROM manifest_children mc USING gone
    WHERE mc.repository_id = gone.repository_id AND mc.index_id = gone.manifest_id
), removed AS (
    DELETE FROM repository_manifests rm USING gone
    WHERE rm.repository_id = gone.repository_id AND rm.manifest_id = gone.manifest_id
    RETURNING rm.manifest_id
)
SELECT count(*) AS removed, 0::BIGINT AS bytes FROM removed
