-- Sets a new secret, and with it a new revision. $1 name, $2 hash of the secret, $3 seconds until it expires or NULL
-- for never.
UPDATE accounts SET
    secret_hash = $2,
    expires_at = now() + make_interval(secs => $3),
    revision = nextval('account_revisions')
WHERE name = $1
