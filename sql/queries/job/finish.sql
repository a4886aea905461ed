-- Records a run and ends its lease. Does nothing if the lease has gone to another instance.
-- $1 name, $2 instance, $3 outcome, $4 seconds that the run took, $5 error or NULL, $6 seconds until the next run.
UPDATE jobs
SET last_run_at = now() - make_interval(secs => $4), last_outcome = $3, last_seconds = $4, last_error = $5,
    failures = CASE WHEN $3 = 'failed' THEN failures + 1 ELSE 0 END,
    next_run_at = now() + make_interval(secs => $6),
    leased_by = NULL, leased_until = NULL
WHERE name = $1 AND leased_by = $2
