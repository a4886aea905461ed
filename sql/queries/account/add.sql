-- Unless the name is taken. $1 name, $2 namespace, NULL for a user; $3 secret's hash, $4 seconds to live, NULL for ever.
INSERT INTO accounts (name, namespace, secret_hash, expires_at)
VALUES ($1, $2, $3, now() + make_interval(secs => $4))
ON CONFLICT (name) DO NOTHING
