-- Lets items wait for a time of their own. Runs after review/take, which has locked them. $1 kind, $2 and $3
-- repositories and items, $4 seconds that each waits, $5 seconds of the window.
UPDATE reviews q SET review_from = now() + make_interval(secs => later.wait) - make_interval(secs => $5)
FROM unnest($2::BIGINT[], $3::BIGINT[], $4::FLOAT8[]) later (repository_id, item_id, wait)
WHERE q.kind = $1 AND q.repository_id = later.repository_id AND q.item_id = later.item_id
