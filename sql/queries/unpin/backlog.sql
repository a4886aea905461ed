-- How many CIDs wait in the queue, counted up to $1, and how many seconds the oldest has waited; NULL without any.
SELECT (SELECT count(*) FROM (SELECT FROM unpins WHERE done_at IS NULL ORDER BY requested_at LIMIT $1) counted) AS items,
    (SELECT extract(epoch FROM now() - requested_at)::FLOAT8
     FROM unpins WHERE done_at IS NULL ORDER BY requested_at LIMIT 1) AS oldest
