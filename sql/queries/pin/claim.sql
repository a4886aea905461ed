-- Claims a CID that is about to be pinned, unless another claim has not ended. If no row names the CID within an hour, it
-- is unpinned. $1 CID, $2 claim, $3 seconds that the claim lasts. The row need not survive a crash of PostgreSQL: at worst
-- a pin stays that no row knows, and a collection finds it. Returns a row if the CID is claimed now, and whether the queue
-- did not have it before.
WITH unsynced AS (
    SELECT set_config('synchronous_commit', 'off', TRUE)
)
INSERT INTO unpins (ipfs_cid, claimed_by, claimed_until, next_try_at)
SELECT $1, $2, now() + make_interval(secs => $3), now() + INTERVAL '1 hour' FROM unsynced
ON CONFLICT (ipfs_cid) DO UPDATE SET
    claimed_by = excluded.claimed_by, claimed_until = excluded.claimed_until, requests = unpins.requests + 1,
    unpinning = FALSE,
    done_at = NULL, attempts = 0, next_try_at = excluded.next_try_at
WHERE unpins.claimed_until IS NULL OR unpins.claimed_until <= now() OR unpins.claimed_by = excluded.claimed_by
RETURNING requests = 0 AS added
