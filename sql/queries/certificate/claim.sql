-- Takes the right to order for $4 seconds, unless somebody has it or it is too early. Counted as a failure until it is a
-- success: an instance that dies in between orders no more often. 2, 8, 32 minutes after one another, 6 hours at most.
-- $1 directory, $2 names, $3 who, $5 whether what is stored is of no use.
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
