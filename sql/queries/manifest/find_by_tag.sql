-- Finds the manifests of tags. $1 repositories, $2 tags, $3 the digest of which the caller has the bytes, '' for none, or NULL
-- if they are not wanted; $4 revisions and $5 patterns of the callers (see gate), the patterns with a space between them, $6
-- roles. Returns one row for each, with its number from 1; its other columns are NULL when nothing is found. The foreign key
-- of a tag guarantees that the repository holds the manifest, so the link is read for its type only.
SELECT asked.number, gate.allowed, found.*
FROM unnest($1::TEXT[], $2::TEXT[], $3::TEXT[], $4::BIGINT[], $5::TEXT[])
    WITH ORDINALITY asked (repository, tag, known, revision, patterns, number)
CROSS JOIN LATERAL gate(asked.repository, asked.revision, string_to_array(asked.patterns, ' '), $6) gate
LEFT JOIN LATERAL (
    SELECT m.digest, coalesce(link.content_type, m.content_type) AS content_type, m.size,
        CASE WHEN m.digest <> asked.known THEN m.raw END AS raw
    FROM tags t
    JOIN manifests m ON m.id = t.manifest_id
    CROSS JOIN LATERAL (
        SELECT rm.content_type FROM repository_manifests rm
        WHERE rm.repository_id = t.repository_id AND rm.manifest_id = t.manifest_id
        OFFSET 0
    ) link
    WHERE gate.allowed AND t.repository_id = gate.repository_id AND t.name = asked.tag
    OFFSET 0
) found ON TRUE
