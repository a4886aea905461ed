-- As manifest/find_by_tag, by digests ($2).
SELECT asked.number, gate.allowed, found.*
FROM unnest($1::TEXT[], $2::TEXT[], $3::TEXT[], $4::BIGINT[], $5::TEXT[])
    WITH ORDINALITY asked (repository, digest, known, revision, patterns, number)
CROSS JOIN LATERAL gate(asked.repository, asked.revision, string_to_array(asked.patterns, ' '), $6) gate
LEFT JOIN LATERAL (
    SELECT m.digest, coalesce(link.content_type, m.content_type) AS content_type, m.size,
        CASE WHEN m.digest <> asked.known THEN m.raw END AS raw
    FROM manifests m
    CROSS JOIN LATERAL (
        SELECT rm.content_type FROM repository_manifests rm
        WHERE rm.repository_id = gate.repository_id AND rm.manifest_id = m.id
        OFFSET 0
    ) link
    WHERE gate.allowed AND m.digest = asked.digest
    OFFSET 0
) found ON TRUE
