-- As review/save, for a manifest.
UPDATE reviews q SET quiet_since = now(), review_from = now(), attempts = 0
FROM gate($1, $3, $4, $5) gate, manifests m
WHERE gate.allowed AND m.digest = $2
  AND q.kind = 'untagged' AND q.repository_id = gate.repository_id AND q.item_id = m.id
