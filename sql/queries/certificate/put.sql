-- Stores a certificate and releases the right to order. An instance that cannot use the certificate may order again
-- after a day at most. $1 directory, $2 names, $3 instance, $4 chain, $5 sealed key, $6 seconds until it is to be
-- renewed.
UPDATE certificates
SET chain = $4, sealed = $5, issued_at = clock_timestamp(), renew_at = now() + make_interval(secs => $6),
    leased_by = NULL, leased_until = NULL, failures = 0,
    retry_at = now() + least(make_interval(secs => $6), interval '1 day')
WHERE directory = $1 AND names = $2 AND leased_by = $3
