-- At most $2 of each kind that a review would remove now: links of blobs, manifests and blobs. Nothing is locked or
-- changed. $1 seconds of the window.
(
    SELECT q.kind, r.name AS repository, b.digest, b.size
    FROM reviews q
    JOIN repositories r ON r.id = q.repository_id
    JOIN blobs b ON b.id = q.item_id
    CROSS JOIN LATERAL (
        SELECT FROM repository_blobs rb
        WHERE rb.repository_id = q.repository_id AND rb.blob_id = q.item_id
        OFFSET 0
    ) link
    WHERE q.kind = 'link' AND q.review_from <= now() - make_interval(secs => $1)
      AND NOT EXISTS (
          SELECT FROM manifest_blobs mb
          WHERE mb.repository_id = q.repository_id AND mb.blob_id = q.item_id
          OFFSET 0
      )
      AND NOT EXISTS (
          SELECT FROM manifest_children mc
          WHERE mc.repository_id = q.repository_id AND mc.child_blob_id = q.item_id
          OFFSET 0
      )
    ORDER BY q.review_from
    LIMIT $2
) UNION ALL (
    SELECT q.kind, NULL, m.digest, m.size
    FROM reviews q
    JOIN manifests m ON m.id = q.item_id
    WHERE q.kind = 'manifest' AND q.review_from <= now() - make_interval(secs => $1)
      AND NOT EXISTS (SELECT FROM repository_manifests rm WHERE rm.manifest_id = q.item_id OFFSET 0)
      AND NOT EXISTS (SELECT FROM manifest_children mc WHERE mc.child_manifest_id = q.item_id OFFSET 0)
    ORDER BY q.review_from
    LIMIT $2
) UNION ALL (
    SELECT q.kind, NULL, b.digest, b.size
    FROM reviews q
    JOIN blobs b ON b.id = q.item_id
    WHERE q.kind = 'blob' AND q.review_from <= now() - make_interval(secs => $1)
      AND NOT EXISTS (SELECT FROM repository_blobs rb WHERE rb.blob_id = q.item_id OFFSET 0)
    ORDER BY q.review_from
    LIMIT $2
)
