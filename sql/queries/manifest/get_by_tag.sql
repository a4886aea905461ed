-- $1 repository, $2 tag, $3 to $5 who asks (see gate). One row at least; of NULLs when nothing is found.
-- A tag's foreign key says that the repository holds the manifest.
SELECT gate.allowed, found.*
FROM gate($1, $3, $4, $5) gate
LEFT JOIN LATERAL (
    SELECT m.digest, m.content_type, m.raw
    FROM tags t
    JOIN manifests m ON m.id = t.manifest_id
    WHERE gate.allowed AND t.repository_id = gate.repository_id AND t.name = $2
    OFFSET 0
) found ON TRUE
