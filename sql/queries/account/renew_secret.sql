-- A new secret, and with it a new revision. $1 name, $2 its hash, $3 seconds to live, NULL for ever.
UPDATE accounts SET
    secret_hash = $2,
    expires_at = now() + make_interval(secs => $3),
    revision = nextval('account_revisions')
WHERE name = $1
