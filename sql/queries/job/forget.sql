-- Removes the records of jobs that no instance has run for $1 seconds: this version does not have them.
DELETE FROM jobs
WHERE next_run_at <= now() - make_interval(secs => $1) AND (leased_until IS NULL OR leased_until <= now())
