-- For each kind how many items the queue holds, how many of them are due, both counted up to $2, and for how many seconds
-- the oldest has been due; NULL without any. $1 seconds of the window.
SELECT kinds.kind,
    (SELECT count(*) FROM (SELECT FROM reviews q WHERE q.kind = kinds.kind ORDER BY q.review_from LIMIT $2) counted) AS items,
    (
        SELECT count(*)
        FROM (
            SELECT FROM reviews q
            WHERE q.kind = kinds.kind AND q.review_from <= now() - make_interval(secs => $1)
            ORDER BY q.review_from
            LIMIT $2
        ) counted
    ) AS due,
    (
        SELECT extract(epoch FROM now() - q.review_from)::FLOAT8 - $1
        FROM reviews q
        WHERE q.kind = kinds.kind AND q.review_from <= now() - make_interval(secs => $1)
        ORDER BY q.review_from
        LIMIT 1
    ) AS oldest
FROM unnest('{untagged,link,manifest,blob}'::TEXT[]) kinds (kind)
