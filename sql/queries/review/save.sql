-- Gives a blob of a repository a new window, if the caller may push there and the blob is in the queue. Waits for a review
-- of it. $1 repository, $2 digest, $3 to $5 the caller (see gate).
UPDATE reviews q SET quiet_since = now(), review_from = now(), attempts = 0
FROM gate($1, $3, $4, $5) gate, blobs b
WHERE gate.allowed AND b.digest = $2
  AND q.kind = 'link' AND q.repository_id = gate.repository_id AND q.item_id = b.id
