-- Tags in byte order. $1 repository, $2 last tag of the page before or '', $3 how many, $4 to $6 the caller (see gate).
-- Returns one row with a NULL tag when the page is empty. `known` is false when there is no such repository.
SELECT gate.allowed, gate.repository_id IS NOT NULL AS known, t.name
FROM gate($1, $4, $5, $6) gate
LEFT JOIN LATERAL (
    SELECT name FROM tags
    WHERE gate.allowed AND repository_id = gate.repository_id AND name > $2
    ORDER BY name
    LIMIT $3
) t ON TRUE
ORDER BY t.name
