-- Looks for repositories that nobody uses among the $2 that follow the id $1, and returns the last id that was looked at
-- and the ids found. They are older than $3 seconds, hold nothing, nobody has pushed to them in that time, they have no
-- upload, are not public, and nobody has a grant on exactly their name. One row, of NULLs at the end.
WITH page AS MATERIALIZED (
    SELECT id, name, public, created_at FROM repositories WHERE id > $1 ORDER BY id LIMIT $2
)
SELECT max(r.id) AS last, array_agg(r.id) FILTER (
    WHERE NOT r.public AND r.created_at <= now() - make_interval(secs => $3)
      AND NOT EXISTS (SELECT FROM repository_blobs rb WHERE rb.repository_id = r.id OFFSET 0)
      AND NOT EXISTS (SELECT FROM repository_manifests rm WHERE rm.repository_id = r.id OFFSET 0)
      AND NOT EXISTS (SELECT FROM uploads u WHERE u.repository_id = r.id OFFSET 0)
      AND NOT EXISTS (SELECT FROM grants g WHERE g.pattern BETWEEN r.name AND r.name OFFSET 0)
      AND NOT EXISTS (
          SELECT FROM recent_pushes p
          WHERE p.repository_id = r.id AND p.pushed_at > now() - make_interval(secs => $3)
          OFFSET 0
      )
) AS empty
FROM page r
