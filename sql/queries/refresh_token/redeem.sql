-- Finds a token that is not revoked and was used within $2 seconds, and its account if it is usable and has the revision
-- of the time of issue. $1 id.
UPDATE refresh_tokens t SET used_at = now()
FROM accounts a
WHERE t.id = $1 AND t.revoked_at IS NULL AND t.used_at > now() - make_interval(secs => $2)
  AND a.id = t.account_id AND a.revision = t.revision
  AND a.disabled_at IS NULL AND (a.expires_at IS NULL OR a.expires_at > now())
RETURNING t.service, t.client_id, t.secret_hash AS token_hash,
    a.id, a.revision, a.name, a.namespace, a.secret_hash, a.expires_at, a.created_at,
    FALSE AS disabled, TRUE AS usable
