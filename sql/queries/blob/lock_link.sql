-- Holds off whoever is about to reference a blob, or waits for who is doing it. $1 repository, $2 digest.
SELECT rb.blob_id
FROM repositories r
JOIN repository_blobs rb ON rb.repository_id = r.id
JOIN blobs b ON b.id = rb.blob_id
WHERE r.name = $1 AND b.digest = $2
FOR UPDATE OF rb
