-- Waits for transactions that are about to reference a blob, and makes later ones wait. $1 repository, $2 digest.
SELECT blob_id
FROM repository_blobs
WHERE repository_id = (SELECT id FROM repositories WHERE name = $1)
  AND blob_id = (SELECT id FROM blobs WHERE digest = $2)
FOR UPDATE
