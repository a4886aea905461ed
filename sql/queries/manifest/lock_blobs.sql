-- The sound blobs among $2 (digests) that repository $1 holds. Their links are held, in order, until the manifest that
-- names them is committed: an unlink waits, and then finds the reference.
SELECT b.digest, b.id
FROM repositories r
JOIN repository_blobs rb ON rb.repository_id = r.id
JOIN blobs b ON b.id = rb.blob_id
WHERE r.name = $1 AND b.digest = ANY ($2) AND b.quarantined_at IS NULL
ORDER BY b.digest
FOR KEY SHARE OF rb
