-- Turns the rows of unpinned CIDs into tombstones, unless they were requested again meanwhile. $1 claim, $2 CIDs, $3 the
-- number of requests of each when it was claimed. The previous version knows by a tombstone that a pin may be lost.
UPDATE unpins u SET done_at = now(), claimed_by = NULL, claimed_until = NULL, doubt_until = NULL
FROM unnest($2::TEXT[], $3::BIGINT[]) claimed (cid, requests)
WHERE u.ipfs_cid = claimed.cid AND u.requests = claimed.requests AND u.claimed_by = $1
