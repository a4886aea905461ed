-- What there is for these names: whether somebody may order now, and whether it is time to. $1 directory, $2 names.
SELECT chain, sealed, issued_at,
    retry_at <= now() AND (leased_until IS NULL OR leased_until <= now()) AS free,
    renew_at IS NULL OR renew_at <= now() AS due
FROM certificates
WHERE directory = $1 AND names = $2
