-- Removes those of the links $1 and $2 (repositories, blobs) that still nothing names, and counts them and their bytes. Runs
-- after review/lock_links, so that its snapshot holds every reference made before the lock.
WITH gone AS (
    DELETE FROM repository_blobs rb
    USING unnest($1::BIGINT[], $2::BIGINT[]) locked (repository_id, blob_id)
    WHERE rb.repository_id = locked.repository_id AND rb.blob_id = locked.blob_id
      AND NOT EXISTS (
          SELECT FROM manifest_blobs mb
          WHERE mb.repository_id = locked.repository_id AND mb.blob_id = locked.blob_id
          OFFSET 0
      )
      AND NOT EXISTS (
          SELECT FROM manifest_children mc
          WHERE mc.repository_id = locked.repository_id AND mc.child_blob_id = locked.blob_id
          OFFSET 0
      )
    RETURNING rb.blob_id
)
SELECT count(*) AS removed, 0::BIGINT AS bytes FROM gone
