-- Finds the manifest of a tag. $1 repository, $2 tag, $3 to $5 the caller (see gate). Returns one row; its columns are
-- NULL when nothing is found. The foreign key of a tag guarantees that the repository holds the manifest.
SELECT gate.allowed, found.*
FROM gate($1, $3, $4, $5) gate
LEFT JOIN LATERAL (
    SELECT m.digest, m.content_type, m.raw
    FROM tags t
    JOIN manifests m ON m.id = t.manifest_id
    WHERE gate.allowed AND t.repository_id = gate.repository_id AND t.name = $2
    OFFSET 0
) found ON TRUE
