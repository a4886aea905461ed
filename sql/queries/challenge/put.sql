-- Stores the digest that proves a host name for an hour. $1 name, $2 digest.
INSERT INTO acme_challenges (name, digest, expires_at) VALUES ($1, $2, now() + interval '1 hour')
ON CONFLICT (name) DO UPDATE SET digest = excluded.digest, expires_at = excluded.expires_at
