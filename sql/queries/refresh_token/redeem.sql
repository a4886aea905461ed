-- Uses a token of a family that is not revoked and was used within $2 seconds, if its account is usable and has the
-- revision of the time of issue. $1 family, $3 generation of the token, $4 seconds for which the generation before the
-- newest stays valid, $5 service, $6 hash of the secret, which is compared for the first generation; the caller has
-- verified the others. An older generation was copied: it ends the family, and the row that is returned says so.
UPDATE refresh_tokens t SET
    used_at = now(),
    generation = greatest(t.generation, $3::BIGINT),
    advanced_at = CASE WHEN $3::BIGINT > t.generation THEN now() ELSE t.advanced_at END,
    revoked_at = CASE
        WHEN $3::BIGINT >= t.generation THEN NULL
        WHEN $3::BIGINT = t.generation - 1 AND t.advanced_at > now() - make_interval(secs => $4) THEN NULL
        ELSE now()
    END
FROM accounts a
WHERE t.id = $1 AND t.revoked_at IS NULL AND t.used_at > now() - make_interval(secs => $2)
  AND t.service = $5 AND ($3::BIGINT > 0 OR t.secret_hash = $6)
  AND a.id = t.account_id AND a.revision = t.revision
  AND a.disabled_at IS NULL AND (a.expires_at IS NULL OR a.expires_at > now())
RETURNING t.revoked_at IS NOT NULL AS ended, t.client_id,
    a.id, a.revision, a.name, a.namespace, a.secret_hash, a.expires_at, a.created_at, a.last_used_at,
    FALSE AS disabled, TRUE AS usable
