-- The last deletion of $1 (a digest) from each repository, at most $2, with the tags that were removed by the same
-- transaction, and when it is forgotten. $3 seconds of the window.
SELECT DISTINCT ON (d.repository, d.kind) d.repository, d.kind, d.content_type, d.deleted_at,
    d.deleted_at + make_interval(secs => $3) AS forgotten_at,
    ARRAY(
        SELECT t.tag FROM deletions t
        WHERE t.digest = d.digest AND t.repository = d.repository AND t.kind = 'tag'
          AND t.deleted_at = d.deleted_at
        ORDER BY t.tag
    ) AS tags
FROM deletions d
WHERE d.digest = $1 AND d.kind <> 'tag'
ORDER BY d.repository, d.kind, d.deleted_at DESC
LIMIT $2
