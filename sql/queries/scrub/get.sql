-- One blob as the scrub sees it. $1 digest.
SELECT id, digest, ipfs_cid, size, quarantined_at, coalesce(scrubbed_at, created_at) AS compared_at,
    xmin::TEXT::BIGINT AS version
FROM blobs
WHERE digest = $1
