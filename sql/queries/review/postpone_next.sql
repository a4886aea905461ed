-- Notes that the review of the item failed that review/take gives first. Its next one is due after 1, 2, 4, ... minutes, a
-- day at most. $1 kind, $2 seconds of the window.
UPDATE reviews q SET
    attempts = q.attempts + 1,
    review_from = now() - make_interval(secs => $2)
        + (1 + random() / 5) * least(interval '1 minute' * 2 ^ least(q.attempts, 11), interval '1 day')
FROM (
    SELECT repository_id, item_id
    FROM reviews
    WHERE kind = $1 AND review_from <= now() - make_interval(secs => $2)
    ORDER BY review_from
    LIMIT 1
    FOR UPDATE SKIP LOCKED
) next
WHERE q.kind = $1 AND q.repository_id = next.repository_id AND q.item_id = next.item_id
