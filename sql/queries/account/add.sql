-- Creates an account unless the name is taken. $1 name, $2 namespace or NULL for a user, $3 hash of the secret, $4
-- seconds until it expires or NULL for never.
INSERT INTO accounts (name, namespace, secret_hash, expires_at)
VALUES ($1, $2, $3, now() + make_interval(secs => $4))
ON CONFLICT (name) DO NOTHING
