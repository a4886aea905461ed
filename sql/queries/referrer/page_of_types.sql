-- As referrer/page, of the artifact types $6 only: a run of each type's index range, merged.
SELECT digest, content_type, size, artifact_type, annotations, candidates
FROM (
    SELECT m.digest, m.content_type, m.size, m.artifact_type, m.annotations,
        sum(m.size) OVER (ORDER BY p.referrer_digest ROWS UNBOUNDED PRECEDING) AS bytes,
        count(*) OVER () AS candidates
    FROM (
        SELECT run.manifest_id, run.referrer_digest
        FROM repositories r
        CROSS JOIN unnest($6::TEXT[]) wanted (type)
        CROSS JOIN LATERAL (
            SELECT rm.manifest_id, rm.referrer_digest
            FROM repository_manifests rm
            WHERE rm.repository_id = r.id AND rm.subject_digest = $2
              AND rm.referrer_type = wanted.type AND rm.referrer_digest > $3
            ORDER BY rm.referrer_digest
            LIMIT $4
        ) run
        WHERE r.name = $1
        ORDER BY run.referrer_digest
        LIMIT $4
    ) p
    JOIN manifests m ON m.id = p.manifest_id
) page
WHERE bytes <= $5::BIGINT OR bytes = size
ORDER BY digest
