-- How many sessions nobody touched for $1 seconds, counted up to $2, and for how many seconds the oldest should have
-- been ended; NULL without any.
WITH idle AS NOT MATERIALIZED (
    SELECT touched_at FROM uploads WHERE touched_at < now() - make_interval(secs => $1)
)
SELECT (SELECT count(*) FROM (SELECT FROM idle ORDER BY touched_at LIMIT $2) counted) AS items,
    (SELECT extract(epoch FROM now() - touched_at)::FLOAT8 - $1 FROM idle ORDER BY touched_at LIMIT 1) AS oldest
