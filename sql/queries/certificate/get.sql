-- The certificate of these names, whether an instance may order now (free), and whether it is time to (due). $1
-- directory, $2 names.
SELECT chain, sealed, issued_at,
    retry_at <= now() AND (leased_until IS NULL OR leased_until <= now()) AS free,
    renew_at IS NULL OR renew_at <= now() AS due
FROM certificates
WHERE directory = $1 AND names = $2
