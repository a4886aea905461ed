-- Removes CIDs that a row names from the queue, unless they were requested again since they were claimed. $1 claim, $2 CIDs,
-- $3 the number of requests of each when it was claimed.
DELETE FROM unpins u
USING unnest($2::TEXT[], $3::BIGINT[]) claimed (cid, requests)
WHERE u.ipfs_cid = claimed.cid AND u.requests = claimed.requests AND u.claimed_by = $1
