-- At most $3 items of a kind that have been quiet for $2 seconds, those that are due longest first, locked until the
-- transaction ends. Skips items that others are changing. $1 kind.
SELECT repository_id, item_id
FROM reviews
WHERE kind = $1 AND review_from <= now() - make_interval(secs => $2)
ORDER BY review_from
LIMIT $3
FOR UPDATE SKIP LOCKED
