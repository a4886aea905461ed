-- Links a blob to $1 (a repository) if one of the repositories $4 holds it and the caller may pull it from there. $4 are
-- the repositories that the caller's token covers. $2 digest, $3 revision of the caller (see gate).
INSERT INTO repository_blobs (repository_id, blob_id)
SELECT t.id, b.id
FROM repositories t, blobs b
CROSS JOIN LATERAL (
    SELECT FROM (
        SELECT r.name, r.public
        FROM unnest($4::TEXT[]) covered (name)
        JOIN repositories r ON r.name = covered.name
        CROSS JOIN LATERAL (
            SELECT FROM repository_blobs rb
            WHERE rb.repository_id = r.id AND rb.blob_id = b.id
            OFFSET 0
        ) link
        OFFSET 0
    ) holder
    WHERE $3::BIGINT = 0 OR holder.public OR EXISTS (
        SELECT FROM accounts a
        JOIN grants g ON g.account_id = a.id
        WHERE a.revision = $3 AND a.disabled_at IS NULL
          AND (a.expires_at IS NULL OR a.expires_at > now())
          AND (g.pattern IN ('*', holder.name)
               OR (right(g.pattern, 2) = '/*' AND starts_with(holder.name, left(g.pattern, -1))))
    )
    LIMIT 1
) source
WHERE t.name = $1 AND b.digest = $2 AND b.quarantined_at IS NULL
ON CONFLICT (repository_id, blob_id) DO UPDATE SET created_at = repository_blobs.created_at
