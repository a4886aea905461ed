-- The repositories that somebody may pull, in byte order. $1 the name before the page, '' for the first; $2 how many; $3
-- who asks, as in gate. A range of the names for each grant, so that no page walks over what it does not show: names
-- hold no character below `-` and none above `z`.
SELECT DISTINCT names.name
FROM (
    (
        SELECT name FROM repositories
        WHERE $3::BIGINT = 0 AND name > $1
        ORDER BY name
        LIMIT $2
    ) UNION ALL (
        SELECT name FROM repositories
        WHERE public AND name > $1
        ORDER BY name
        LIMIT $2
    ) UNION ALL (
        SELECT run.name
        FROM accounts a
        JOIN grants g ON g.account_id = a.id
        CROSS JOIN LATERAL (
            SELECT r.name FROM repositories r
            WHERE r.name > $1
              AND r.name >= rtrim(g.pattern, '*')
              AND r.name < CASE
                  WHEN g.pattern = '*' THEN '~'
                  WHEN right(g.pattern, 2) = '/*' THEN left(g.pattern, -2) || '0'
                  ELSE g.pattern || ' '
              END
            ORDER BY r.name
            LIMIT $2
        ) run
        WHERE a.revision = $3 AND a.disabled_at IS NULL
          AND (a.expires_at IS NULL OR a.expires_at > now())
    )
) names
ORDER BY names.name
LIMIT $2
