-- Releases the right to order. $1 directory, $2 names, $3 instance. If no order was made, $4 is the number of seconds
-- until the right can be claimed again; otherwise it is NULL.
UPDATE certificates
SET leased_by = NULL, leased_until = NULL,
    failures = failures - CASE WHEN $4::FLOAT8 IS NULL THEN 0 ELSE 1 END,
    retry_at = coalesce(now() + make_interval(secs => $4::FLOAT8), retry_at)
WHERE directory = $1 AND names = $2 AND leased_by = $3
