-- Notes that a blob was read and that its bytes are lost or wrong. $1 digest, $2 CID.
UPDATE blobs SET scrubbed_at = now() WHERE digest = $1 AND ipfs_cid = $2
