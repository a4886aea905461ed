-- Stores what was ordered and gives the right to order back. Whoever cannot use it waits for a day at most before the
-- next order. $1 directory, $2 names, $3 who, $4 chain, $5 sealed key, $6 seconds until it is to be renewed.
UPDATE certificates
SET chain = $4, sealed = $5, issued_at = clock_timestamp(), renew_at = now() + make_interval(secs => $6),
    leased_by = NULL, leased_until = NULL, failures = 0,
    retry_at = now() + least(make_interval(secs => $6), interval '1 day')
WHERE directory = $1 AND names = $2 AND leased_by = $3
