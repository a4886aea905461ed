-- A session with its parts, one row for each part, or one row without a part. $1 repository, $2 id, $3 subject.
SELECT u.received, u.algorithm, p.part_offset, p.size, p.ipfs_cid
FROM uploads u
JOIN repositories r ON r.id = u.repository_id
LEFT JOIN upload_parts p ON p.upload_id = u.id
WHERE u.id = $2 AND r.name = $1 AND u.subject = $3
ORDER BY p.part_offset
