-- Claims the right to order for $4 seconds, unless another instance has it or the pause after the last order is not
-- over. The order counts as failed until it succeeds, so that an instance that crashes meanwhile orders no more often.
-- The pauses are 2, 8 and 32 minutes and so on, at most 6 hours. $1 directory, $2 names, $3 instance, $5 whether the
-- stored certificate cannot be used.
INSERT INTO certificates AS c (directory, names, leased_by, leased_until, failures, retry_at)
VALUES ($1, $2, $3, now() + make_interval(secs => $4), 1, now() + interval '2 minutes')
ON CONFLICT (directory, names) DO UPDATE
SET leased_by = excluded.leased_by,
    leased_until = excluded.leased_until,
    failures = c.failures + 1,
    retry_at = now() + (1 + random() / 5)
        * least(interval '2 minutes' * 4 ^ least(c.failures, 4), interval '6 hours')
WHERE c.retry_at <= now()
  AND (c.leased_until IS NULL OR c.leased_until <= now())
  AND ($5 OR c.renew_at IS NULL OR c.renew_at <= now())
