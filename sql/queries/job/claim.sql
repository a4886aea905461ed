-- Leases a job to an instance, if no other holds it and its next run is due. One row: `failures` when it is leased, else
-- `wait`, the seconds until it may be. $1 name, $2 instance, $3 seconds of the lease, $4 whether to run it before it is
-- due.
WITH claimed AS (
    INSERT INTO jobs AS j (name, leased_by, leased_until)
    VALUES ($1, $2, now() + make_interval(secs => $3))
    ON CONFLICT (name) DO UPDATE
    SET leased_by = excluded.leased_by, leased_until = excluded.leased_until
    WHERE (j.leased_until IS NULL OR j.leased_until <= now() OR j.leased_by = excluded.leased_by)
      AND ($4 OR j.next_run_at <= now())
    RETURNING failures
)
SELECT claimed.failures,
    extract(epoch FROM greatest(job.next_run_at, job.leased_until) - now())::FLOAT8 AS wait
FROM (SELECT $1 AS name) asked
LEFT JOIN claimed ON TRUE
LEFT JOIN jobs job ON job.name = asked.name
