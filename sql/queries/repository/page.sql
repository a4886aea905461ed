-- The repositories that hold something and that the caller may pull, in byte order. A job removes those that hold nothing.
-- $1 last name of the page before or '', $2 how many, $3 revision of the caller (see gate). Each grant reads a range of
-- names of its own, so that no page reads names that it does not return. In a name, no character sorts before `-` or after
-- `z`. OFFSET keeps PostgreSQL from reading all links at once instead of those of each repository.
SELECT DISTINCT names.name
FROM (
    (
        SELECT r.name FROM repositories r
        WHERE $3::BIGINT = 0 AND r.name > $1 AND (
            EXISTS (SELECT FROM repository_manifests rm WHERE rm.repository_id = r.id OFFSET 0)
            OR EXISTS (SELECT FROM repository_blobs rb WHERE rb.repository_id = r.id OFFSET 0)
        )
        ORDER BY r.name
        LIMIT $2
    ) UNION ALL (
        SELECT r.name FROM repositories r
        WHERE r.public AND r.name > $1 AND (
            EXISTS (SELECT FROM repository_manifests rm WHERE rm.repository_id = r.id OFFSET 0)
            OR EXISTS (SELECT FROM repository_blobs rb WHERE rb.repository_id = r.id OFFSET 0)
        )
        ORDER BY r.name
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
              AND (
                  EXISTS (SELECT FROM repository_manifests rm WHERE rm.repository_id = r.id OFFSET 0)
                  OR EXISTS (SELECT FROM repository_blobs rb WHERE rb.repository_id = r.id OFFSET 0)
              )
            ORDER BY r.name
            LIMIT $2
        ) run
        WHERE a.revision = $3 AND a.disabled_at IS NULL
          AND (a.expires_at IS NULL OR a.expires_at > now())
    )
) names
ORDER BY names.name
LIMIT $2
