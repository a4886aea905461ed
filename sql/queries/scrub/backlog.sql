-- How many blobs were last compared more than $1 seconds ago, counted up to $2, how many seconds ago the first of them
-- should have been compared, and how many seconds ago any blob was compared that has waited longest; NULL without any.
WITH first AS (
    SELECT extract(epoch FROM now() - coalesce(scrubbed_at, created_at))::FLOAT8 AS age
    FROM blobs
    ORDER BY coalesce(scrubbed_at, created_at), id
    LIMIT 1
)
SELECT (SELECT count(*) FROM (
        SELECT FROM blobs
        WHERE coalesce(scrubbed_at, created_at) <= now() - make_interval(secs => $1)
        ORDER BY coalesce(scrubbed_at, created_at), id
        LIMIT $2
    ) counted) AS items,
    (SELECT age - $1 FROM first WHERE age > $1) AS oldest,
    (SELECT age FROM first) AS age
