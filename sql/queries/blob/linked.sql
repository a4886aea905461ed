-- A blob as a repository holds it. $1 repository, $2 digest.
SELECT b.ipfs_cid, b.size, b.quarantined_at IS NOT NULL AS quarantined
FROM repositories r
JOIN repository_blobs rb ON rb.repository_id = r.id
JOIN blobs b ON b.id = rb.blob_id
WHERE r.name = $1 AND b.digest = $2
