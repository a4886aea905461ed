-- Marks a blob whose stored bytes do not have its digest. Changes nothing if the row has changed since it was read, before
-- the bytes were: a push may have brought them back. $1 digest, $2 CID, $3 version of the row that was read.
UPDATE blobs SET quarantined_at = now(), scrubbed_at = now()
WHERE digest = $1 AND ipfs_cid = $2 AND quarantined_at IS NULL AND xmin::TEXT::BIGINT = $3
