-- Adds a key that signs from $4 seconds on, or at once if it is the only one. The keys before it retire $5 seconds
-- later. Runs after signing_key/lock. It reads the clock, because now() is a time before the wait for the lock. $1 kid,
-- $2 public key, $3 sealed private key.
WITH clock AS MATERIALIZED (
    SELECT clock_timestamp() AS now
), times AS (
    SELECT now, now + make_interval(secs => $4) AS lead_over FROM clock
), retired AS (
    UPDATE signing_keys k SET retires_at = t.lead_over + make_interval(secs => $5)
    FROM times t
    WHERE k.retires_at IS NULL OR k.retires_at > t.lead_over + make_interval(secs => $5)
)
INSERT INTO signing_keys (kid, public_key, sealed, signs_from)
SELECT $1, $2, $3, CASE
    WHEN EXISTS (SELECT FROM signing_keys WHERE retires_at IS NULL OR retires_at > now)
        THEN lead_over
    ELSE now
END
FROM times
