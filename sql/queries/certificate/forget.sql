-- Removes certificates that no instance has renewed or tried to order for $1 seconds: the settings no longer name them.
DELETE FROM certificates
WHERE greatest(coalesce(renew_at, retry_at), retry_at) <= now() - make_interval(secs => $1)
  AND (leased_until IS NULL OR leased_until <= now())
