-- Removes those of the repositories $1 (ids) that still hold nothing and have no upload, no grant and no public readers.
-- Runs after repository/lock_empty, so what others began before the lock is visible here.
DELETE FROM repositories r
WHERE r.id = ANY ($1) AND NOT r.public
  AND NOT EXISTS (SELECT FROM repository_blobs rb WHERE rb.repository_id = r.id OFFSET 0)
  AND NOT EXISTS (SELECT FROM repository_manifests rm WHERE rm.repository_id = r.id OFFSET 0)
  AND NOT EXISTS (SELECT FROM uploads u WHERE u.repository_id = r.id OFFSET 0)
  AND NOT EXISTS (SELECT FROM grants g WHERE g.pattern BETWEEN r.name AND r.name OFFSET 0)
