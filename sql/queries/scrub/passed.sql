-- Notes that the bytes of a blob have its digest, and ends its quarantine. Changes nothing if a push has given the blob
-- another CID meanwhile, or if another quarantine has begun. $1 digest, $2 CID, $3 begin of the quarantine or NULL.
UPDATE blobs SET scrubbed_at = now(), quarantined_at = NULL
WHERE digest = $1 AND ipfs_cid = $2 AND quarantined_at IS NOT DISTINCT FROM $3
