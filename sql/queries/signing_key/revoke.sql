-- Ends the trust in a key at once, and answers a row if the key was trusted. The newest of the others retires no more: it
-- would without a successor if $1 was the successor. Runs after signing_key/lock, hence the clock. $1 kid.
WITH trusted AS MATERIALIZED (
    SELECT kid, signs_from FROM signing_keys
    WHERE retires_at IS NULL OR retires_at > clock_timestamp()
), revoked AS (
    UPDATE signing_keys k SET retires_at = clock_timestamp()
    FROM trusted t
    WHERE k.kid = $1 AND t.kid = k.kid
    RETURNING k.kid
), kept AS (
    UPDATE signing_keys SET retires_at = NULL
    WHERE EXISTS (SELECT FROM revoked)
      AND kid = (SELECT kid FROM trusted WHERE kid <> $1 ORDER BY signs_from DESC, kid LIMIT 1)
)
SELECT kid FROM revoked
