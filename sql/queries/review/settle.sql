-- Takes items that are decided out of the queue. Runs after review/take, which has locked them. $1 kind, $2 and $3
-- repositories and items.
DELETE FROM reviews q
USING unnest($2::BIGINT[], $3::BIGINT[]) decided (repository_id, item_id)
WHERE q.kind = $1 AND q.repository_id = decided.repository_id AND q.item_id = decided.item_id
