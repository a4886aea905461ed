-- At most $3 items of a kind that have been quiet for $2 seconds, those that are due longest first, locked until the
-- transaction ends. Skips items that others are changing. $1 kind. The setting is for the statements of this transaction
-- that follow: one that is planned while a queue is empty would read all of it for each item when it has grown.
WITH planned AS MATERIALIZED (
    SELECT set_config('enable_seqscan', 'off', TRUE)
)
SELECT q.repository_id, q.item_id
FROM planned, reviews q
WHERE q.kind = $1 AND q.review_from <= now() - make_interval(secs => $2)
ORDER BY q.review_from
LIMIT $3
FOR UPDATE OF q SKIP LOCKED
