-- At most $3 repositories that hold a manifest. Of each: at most $3 of its tags, of the indexes that name it, and of the
-- manifests that refer to it there; the subject that it refers to, if the repository holds that; and when a review looks at
-- it. $1 digest, $2 seconds of the window.
SELECT r.name AS repository, rm.repository_id, rm.manifest_id AS item_id, rm.created_at,
    (
        SELECT q.review_from + make_interval(secs => $2) FROM reviews q
        WHERE q.kind = 'untagged' AND q.repository_id = rm.repository_id AND q.item_id = rm.manifest_id
    ) AS reviewed_at,
    ARRAY(
        SELECT t.name FROM tags t
        WHERE t.manifest_id = rm.manifest_id AND t.repository_id = rm.repository_id
        ORDER BY t.name
        LIMIT $3
    ) AS tags,
    ARRAY(
        SELECT i.digest
        FROM manifest_children mc JOIN manifests i ON i.id = mc.index_id
        WHERE mc.child_manifest_id = rm.manifest_id AND mc.repository_id = rm.repository_id
        ORDER BY i.digest
        LIMIT $3
    ) AS indexes,
    ARRAY(
        SELECT other.referrer_digest FROM repository_manifests other
        WHERE other.repository_id = rm.repository_id AND other.subject_digest = m.digest
        ORDER BY other.referrer_digest
        LIMIT $3
    ) AS referrers,
    (
        SELECT rm.subject_digest
        FROM manifests s
        JOIN repository_manifests held ON held.repository_id = rm.repository_id AND held.manifest_id = s.id
        WHERE s.digest = rm.subject_digest
    ) AS subject
FROM manifests m
JOIN repository_manifests rm ON rm.manifest_id = m.id
JOIN repositories r ON r.id = rm.repository_id
WHERE m.digest = $1
ORDER BY r.name
LIMIT $3
