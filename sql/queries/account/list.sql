-- All accounts by name.
SELECT id, revision, name, namespace, secret_hash, expires_at, created_at, last_used_at,
    disabled_at IS NOT NULL AS disabled,
    disabled_at IS NULL AND (expires_at IS NULL OR expires_at > now()) AS usable
FROM accounts
ORDER BY name
