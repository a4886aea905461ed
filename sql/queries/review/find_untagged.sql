-- Looks for untagged manifests among the $3 that follow $1 and $2 (repository, manifest), in repositories whose names begin
-- with one of $4, and queues those that are not in the queue. Returns where it ended and how many it found; NULLs at the
-- end.
WITH page AS MATERIALIZED (
    SELECT repository_id, manifest_id
    FROM repository_manifests
    WHERE (repository_id, manifest_id) > ($1, $2)
    ORDER BY repository_id, manifest_id
    LIMIT $3
), found AS (
    INSERT INTO reviews (kind, repository_id, item_id)
    SELECT 'untagged', page.repository_id, page.manifest_id
    FROM page
    JOIN repositories r ON r.id = page.repository_id
    WHERE EXISTS (SELECT FROM unnest($4::TEXT[]) prefix (text) WHERE starts_with(r.name, prefix.text))
      AND NOT EXISTS (
          SELECT FROM tags t
          WHERE t.repository_id = page.repository_id AND t.manifest_id = page.manifest_id
          OFFSET 0
      )
      AND NOT EXISTS (
          SELECT FROM manifest_children mc
          WHERE mc.repository_id = page.repository_id AND mc.child_manifest_id = page.manifest_id
          OFFSET 0
      )
    ORDER BY page.repository_id, page.manifest_id
    ON CONFLICT (kind, repository_id, item_id) DO NOTHING
    RETURNING item_id
)
SELECT last.repository_id, last.manifest_id, (SELECT count(*) FROM found) AS found
FROM (SELECT) one
LEFT JOIN (SELECT * FROM page ORDER BY repository_id DESC, manifest_id DESC LIMIT 1) last ON TRUE
