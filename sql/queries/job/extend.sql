-- Extends a lease. $1 name, $2 instance, $3 seconds from now.
UPDATE jobs SET leased_until = now() + make_interval(secs => $3) WHERE name = $1 AND leased_by = $2
