-- A session with its last part and its running hash, if it has them. $1 repository, $2 id, $3 subject.
SELECT u.received, u.algorithm, u.pieces, p.part_offset, p.size, p.ipfs_cid,
    u.hash_algorithm, CASE WHEN u.hashed = u.received THEN u.hash_state END AS hash_state
FROM uploads u
JOIN repositories r ON r.id = u.repository_id
LEFT JOIN LATERAL (
    SELECT part_offset, size, ipfs_cid FROM upload_parts
    WHERE upload_id = u.id
    ORDER BY part_offset DESC
    LIMIT 1
) p ON TRUE
WHERE u.id = $2 AND r.name = $1 AND u.subject = $3
