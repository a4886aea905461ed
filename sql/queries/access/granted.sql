-- The roles of $2 (the caller's revision, see gate) in each of $1 (names of repositories), in the order of $1.
SELECT $2::BIGINT IS NOT DISTINCT FROM 0 AS everything,
    COALESCE(r.public, FALSE) AS public,
    held.roles
FROM unnest($1::TEXT[]) WITH ORDINALITY asked (name, at)
LEFT JOIN repositories r ON r.name = asked.name
CROSS JOIN LATERAL (
    SELECT array_agg(DISTINCT g.role) AS roles
    FROM accounts a
    JOIN grants g ON g.account_id = a.id
    WHERE a.revision = $2 AND a.disabled_at IS NULL AND (a.expires_at IS NULL OR a.expires_at > now())
      AND (g.pattern IN ('*', asked.name)
           OR (right(g.pattern, 2) = '/*' AND starts_with(asked.name, left(g.pattern, -1))))
) held
ORDER BY asked.at
