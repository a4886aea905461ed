-- As manifest/get_by_tag, with the size instead of the bytes.
SELECT gate.allowed, found.*
FROM gate($1, $3, $4, $5) gate
LEFT JOIN LATERAL (
    SELECT m.digest, m.content_type, m.size
    FROM tags t
    JOIN manifests m ON m.id = t.manifest_id
    WHERE gate.allowed AND t.repository_id = gate.repository_id AND t.name = $2
    OFFSET 0
) found ON TRUE
