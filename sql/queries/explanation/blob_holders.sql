-- At most $3 repositories that hold a blob, each with at most $3 manifests and indexes that name it there and their tags, and
-- when a review looks at the link. $1 digest, $2 seconds of the window. One row for each manifest; its columns are NULL for
-- a link that nothing names.
WITH held AS (
    SELECT rb.repository_id, rb.blob_id, r.name
    FROM blobs b
    JOIN repository_blobs rb ON rb.blob_id = b.id
    JOIN repositories r ON r.id = rb.repository_id
    WHERE b.digest = $1
    ORDER BY rb.repository_id
    LIMIT $3
)
SELECT held.name AS repository,
    (
        SELECT q.review_from + make_interval(secs => $2) FROM reviews q
        WHERE q.kind = 'link' AND q.repository_id = held.repository_id AND q.item_id = held.blob_id
    ) AS reviewed_at,
    named.relation, named.digest, named.tags
FROM held
LEFT JOIN LATERAL (
    SELECT needs.relation, m.digest, ARRAY(
            SELECT t.name FROM tags t
            WHERE t.manifest_id = needs.manifest_id AND t.repository_id = held.repository_id
            ORDER BY t.name
            LIMIT $3
        ) AS tags
    FROM (
        (
            SELECT 'manifest' AS relation, mb.manifest_id
            FROM manifest_blobs mb
            WHERE mb.blob_id = held.blob_id AND mb.repository_id = held.repository_id
            LIMIT $3
        ) UNION ALL (
            SELECT 'index', mc.index_id
            FROM manifest_children mc
            WHERE mc.child_blob_id = held.blob_id AND mc.repository_id = held.repository_id
            LIMIT $3
        )
    ) needs
    JOIN manifests m ON m.id = needs.manifest_id
) named ON TRUE
ORDER BY held.name, named.digest
