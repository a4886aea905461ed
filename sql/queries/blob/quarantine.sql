-- Marks a blob whose stored bytes are not those of its digest, unless a push healed it meanwhile. $1 digest, $2 CID.
UPDATE blobs SET quarantined_at = now()
WHERE digest = $1 AND ipfs_cid = $2 AND quarantined_at IS NULL
