-- Removes a blob from a repository in which nothing references it. Runs after blob/lock_link, so that its snapshot
-- holds every reference made before the lock. $1 repository, $2 digest.
DELETE FROM repository_blobs rb
WHERE rb.repository_id = (SELECT id FROM repositories WHERE name = $1)
  AND rb.blob_id = (SELECT id FROM blobs WHERE digest = $2)
  AND NOT EXISTS (
      SELECT FROM manifest_blobs mb
      WHERE mb.repository_id = rb.repository_id AND mb.blob_id = rb.blob_id
  )
  AND NOT EXISTS (
      SELECT FROM manifest_children mc
      WHERE mc.repository_id = rb.repository_id AND mc.child_blob_id = rb.blob_id
  )
