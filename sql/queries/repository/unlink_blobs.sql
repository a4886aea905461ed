-- Removes at most $2 blobs from a repository that holds no manifests. $1 repository.
WITH gone AS (
    SELECT repository_id, blob_id
    FROM repository_blobs
    WHERE repository_id = (SELECT id FROM repositories WHERE name = $1)
    ORDER BY blob_id
    LIMIT $2
)
DELETE FROM repository_blobs rb USING gone
WHERE rb.repository_id = gone.repository_id AND rb.blob_id = gone.blob_id
