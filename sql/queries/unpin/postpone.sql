-- Notes a failed attempt. The next one is due after 1, 2, 4, ... minutes, an hour at most. $1 CID.
UPDATE unpins
SET attempts = attempts + 1,
    next_try_at = now() + (1 + random() / 5) * least(interval '1 minute' * 2 ^ least(attempts, 6), interval '1 hour')
WHERE ipfs_cid = $1 AND done_at IS NULL
