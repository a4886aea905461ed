-- Holds off whoever is about to reference a blob, or waits for who is doing it. $1 repository, $2 digest.
SELECT blob_id
FROM repository_blobs
WHERE repository_id = (SELECT id FROM repositories WHERE name = $1)
  AND blob_id = (SELECT id FROM blobs WHERE digest = $2)
FOR UPDATE
