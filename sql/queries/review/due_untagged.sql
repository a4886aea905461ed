-- At most $2 manifests of the queue whose tags a policy has to judge and that have been quiet for $1 seconds. Nothing is
-- locked: for a look at what a review would do.
SELECT repository_id, item_id
FROM reviews
WHERE kind = 'untagged' AND review_from <= now() - make_interval(secs => $1)
ORDER BY review_from
LIMIT $2
