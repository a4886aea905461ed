-- Adds a key that signs at once, if there is none. Runs after signing_key/lock. $1 kid, $2 public key, $3 sealed
-- private key.
INSERT INTO signing_keys (kid, public_key, sealed, signs_from)
SELECT $1, $2, $3, now()
WHERE NOT EXISTS (SELECT FROM signing_keys WHERE retires_at IS NULL OR retires_at > now())
