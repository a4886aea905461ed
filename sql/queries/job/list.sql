-- All jobs that ever ran on this database, and whether an instance runs them now.
SELECT name, last_run_at, last_outcome, last_seconds, last_error, failures, next_run_at,
    coalesce(leased_until > now(), FALSE) AS running
FROM jobs
ORDER BY name
