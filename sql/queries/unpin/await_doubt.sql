-- Ends the claim of CIDs that are pinned and that a row names, while an earlier call may still drop the pin. They are looked
-- at again soon. $1 claim, $2 CIDs.
UPDATE unpins SET claimed_by = NULL, claimed_until = NULL, next_try_at = now() + INTERVAL '30 seconds'
WHERE ipfs_cid = ANY ($2) AND claimed_by = $1
