-- At most $2 open uploads that have a part at $1 (a CID), the oldest first.
SELECT r.name AS repository, u.id, u.subject, u.touched_at
FROM upload_parts p
JOIN uploads u ON u.id = p.upload_id
JOIN repositories r ON r.id = u.repository_id
WHERE p.ipfs_cid = $1
ORDER BY u.touched_at
LIMIT $2
