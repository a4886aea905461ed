-- Ends the claim of CIDs that could not be dealt with. The next attempt is due after 1, 2, 4, ... minutes, an hour at most.
-- $1 claim, $2 CIDs, $3 how many seconds a call that got no answer may still be carried out, 0 if there is none.
UPDATE unpins SET
    claimed_by = NULL, claimed_until = NULL, attempts = attempts + 1,
    doubt_until = CASE WHEN $3::FLOAT8 > 0 THEN now() + make_interval(secs => $3) ELSE doubt_until END,
    next_try_at = now() + greatest(
        make_interval(secs => $3),
        (1 + random() / 5) * least(interval '1 minute' * 2 ^ least(attempts, 6), interval '1 hour')
    )
WHERE ipfs_cid = ANY ($2) AND claimed_by = $1
