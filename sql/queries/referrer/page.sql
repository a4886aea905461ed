-- Manifests of a repository that name a subject, in digest order. The page also ends before the manifests on it pass
-- $5 bytes in sum, but never without one: annotations are as large as their manifest.
-- $1 repository, $2 subject, $3 the digest before the page, '' for the first; $4 how many.
SELECT digest, content_type, size, artifact_type, annotations, candidates
FROM (
    SELECT m.digest, m.content_type, m.size, m.artifact_type, m.annotations,
        sum(m.size) OVER (ORDER BY p.referrer_digest ROWS UNBOUNDED PRECEDING) AS bytes,
        count(*) OVER () AS candidates
    FROM (
        SELECT run.manifest_id, run.referrer_digest
        FROM repositories r
        CROSS JOIN LATERAL (
            SELECT rm.manifest_id, rm.referrer_digest
            FROM repository_manifests rm
            WHERE rm.repository_id = r.id AND rm.subject_digest = $2 AND rm.referrer_digest > $3
            ORDER BY rm.referrer_digest
            LIMIT $4
        ) run
        WHERE r.name = $1
    ) p
    JOIN manifests m ON m.id = p.manifest_id
) page
WHERE bytes <= $5::BIGINT OR bytes = size
ORDER BY digest
