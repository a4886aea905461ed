-- Links a blob to $1 (a repository) if the caller may pull it from another one. Only the first thousand repositories
-- that hold it are searched; if the caller may pull from others only, the client uploads the blob. $2 digest,
-- $3 revision of the caller (see gate).
INSERT INTO repository_blobs (repository_id, blob_id)
SELECT t.id, b.id
FROM repositories t, blobs b
CROSS JOIN LATERAL (
    SELECT FROM (
        SELECT rb.repository_id FROM repository_blobs rb WHERE rb.blob_id = b.id LIMIT 1000
    ) holder
    WHERE $3::BIGINT = 0 OR EXISTS (
        SELECT FROM repositories r
        WHERE r.id = holder.repository_id AND (r.public OR EXISTS (
            SELECT FROM accounts a
            JOIN grants g ON g.account_id = a.id
            WHERE a.revision = $3 AND a.disabled_at IS NULL
              AND (a.expires_at IS NULL OR a.expires_at > now())
              AND (g.pattern IN ('*', r.name)
                   OR (right(g.pattern, 2) = '/*' AND starts_with(r.name, left(g.pattern, -1))))
        ))
    )
    LIMIT 1
) link
WHERE t.name = $1 AND b.digest = $2 AND b.quarantined_at IS NULL
ON CONFLICT (repository_id, blob_id) DO UPDATE SET created_at = repository_blobs.created_at
