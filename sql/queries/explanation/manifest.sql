-- A manifest, whether a repository holds it or not, and when a review looks at it, NULL if none is to come. $1 digest, $2
-- seconds of the window.
SELECT m.content_type, m.size, m.created_at,
    (
        SELECT q.review_from + make_interval(secs => $2) FROM reviews q
        WHERE q.kind = 'manifest' AND q.repository_id = 0 AND q.item_id = m.id
    ) AS reviewed_at,
    (SELECT count(*) FROM repository_manifests rm WHERE rm.manifest_id = m.id) AS repositories,
    ARRAY(
        SELECT DISTINCT r.name
        FROM manifest_children mc JOIN repositories r ON r.id = mc.repository_id
        WHERE mc.child_manifest_id = m.id
        ORDER BY r.name
        LIMIT $3
    ) AS indexed_in
FROM manifests m
WHERE m.digest = $1
