-- Manifests of a repository that name a subject, in the order of their digests. A page has at least one manifest and
-- ends before the manifests on it exceed $5 bytes together, because annotations may be as large as their manifest. $1
-- repository, $2 subject, $3 last digest of the page before or '', $4 how many, $6 to $8 the caller (see gate). Returns
-- one row of NULLs when the page is empty.
SELECT gate.allowed, page.digest, page.content_type, page.size, page.artifact_type, page.annotations, page.candidates
FROM gate($1, $6, $7, $8) gate
LEFT JOIN LATERAL (
    SELECT m.digest, coalesce(p.content_type, m.content_type) AS content_type, m.size,
        coalesce(p.artifact_type, m.artifact_type) AS artifact_type, m.annotations,
        sum(m.size) OVER (ORDER BY p.referrer_digest ROWS UNBOUNDED PRECEDING) AS bytes,
        count(*) OVER () AS candidates
    FROM (
        SELECT rm.manifest_id, rm.referrer_digest, rm.content_type, rm.artifact_type
        FROM repository_manifests rm
        WHERE gate.allowed AND rm.repository_id = gate.repository_id
          AND rm.subject_digest = $2 AND rm.referrer_digest > $3
        ORDER BY rm.referrer_digest
        LIMIT $4
    ) p
    JOIN manifests m ON m.id = p.manifest_id
) page ON page.bytes <= $5::BIGINT OR page.bytes = page.size
ORDER BY page.digest
