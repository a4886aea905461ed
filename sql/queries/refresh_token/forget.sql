-- Removes at most $2 refresh tokens that nobody has used for $1 seconds: they have expired, revoked or not.
DELETE FROM refresh_tokens
WHERE id = ANY (ARRAY(
    SELECT id FROM refresh_tokens
    WHERE used_at <= now() - make_interval(secs => $1)
    ORDER BY used_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
))
