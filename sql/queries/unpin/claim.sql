-- Claims up to a hundred CIDs of the queue that are due, those that have waited longest first, and tells of each whether a
-- row names it and whether an earlier call may still drop its pin. $1 claim, $2 seconds that the claim lasts. A row comes to
-- name a CID only under a claim, so a CID that no row names stays so until this claim ends.
UPDATE unpins u SET claimed_by = $1, claimed_until = now() + make_interval(secs => $2), unpinning = TRUE
WHERE ipfs_cid = ANY (ARRAY(
    SELECT ipfs_cid FROM unpins
    WHERE done_at IS NULL AND next_try_at <= now()
      AND NOT EXISTS (SELECT FROM collection WHERE unpins_paused_until > now())
      AND (claimed_until IS NULL OR claimed_until <= now())
    ORDER BY next_try_at
    LIMIT 100
    FOR UPDATE SKIP LOCKED
))
RETURNING ipfs_cid, requests, (doubt_until > now()) IS TRUE AS doubtful,
    -- LIMIT keeps the planner from reading all parts into a hash table.
    (SELECT TRUE FROM blobs b WHERE b.ipfs_cid = u.ipfs_cid LIMIT 1) IS TRUE
    OR (SELECT TRUE FROM upload_parts p WHERE p.ipfs_cid = u.ipfs_cid AND p.pinned LIMIT 1) IS TRUE AS named
