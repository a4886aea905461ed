-- Marks a blob whose stored bytes do not have its digest, unless a push has given it another CID. $1 digest, $2 CID.
UPDATE blobs SET quarantined_at = now()
WHERE digest = $1 AND ipfs_cid = $2 AND quarantined_at IS NULL
