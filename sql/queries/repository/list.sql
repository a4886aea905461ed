-- Repositories with the number of tags and the bytes that they hold, by name. $1 last name of the page before or '', $2
-- prefix of the names, $3 how many. No character of a name sorts after the tilde.
SELECT r.name, r.public, r.created_at,
    (SELECT count(*) FROM tags t WHERE t.repository_id = r.id) AS tags,
    (
        SELECT coalesce(sum(b.size), 0)::BIGINT
        FROM repository_blobs rb JOIN blobs b ON b.id = rb.blob_id
        WHERE rb.repository_id = r.id
    ) + (
        SELECT coalesce(sum(m.size), 0)::BIGINT
        FROM repository_manifests rm JOIN manifests m ON m.id = rm.manifest_id
        WHERE rm.repository_id = r.id
    ) AS size
FROM repositories r
WHERE r.name > $1 AND r.name >= $2 AND r.name < $2 || '~'
ORDER BY r.name
LIMIT $3
