-- As referrer/page, for the artifact types $6 only. Merges one range of the index for each type. $7 to $9 the caller.
SELECT gate.allowed, page.digest, page.content_type, page.size, page.artifact_type, page.annotations, page.candidates
FROM gate($1, $7, $8, $9) gate
LEFT JOIN LATERAL (
    SELECT m.digest, coalesce(p.content_type, m.content_type) AS content_type, m.size,
        coalesce(p.artifact_type, m.artifact_type) AS artifact_type, m.annotations,
        sum(m.size) OVER (ORDER BY p.referrer_digest ROWS UNBOUNDED PRECEDING) AS bytes,
        count(*) OVER () AS candidates
    FROM (
        SELECT run.manifest_id, run.referrer_digest, run.content_type, run.artifact_type
        FROM unnest($6::TEXT[]) wanted (type)
        CROSS JOIN LATERAL (
            SELECT rm.manifest_id, rm.referrer_digest, rm.content_type, rm.artifact_type
            FROM repository_manifests rm
            WHERE gate.allowed AND rm.repository_id = gate.repository_id AND rm.subject_digest = $2
              AND rm.referrer_type = wanted.type AND rm.referrer_digest > $3
            ORDER BY rm.referrer_digest
            LIMIT $4
        ) run
        ORDER BY run.referrer_digest
        LIMIT $4
    ) p
    JOIN manifests m ON m.id = p.manifest_id
) page ON page.bytes <= $5::BIGINT OR page.bytes = page.size
ORDER BY page.digest
