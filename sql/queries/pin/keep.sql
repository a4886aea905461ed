-- Ends a claim in the transaction that lets a row name its CID. If a row does, the CID leaves the queue, unless an earlier
-- call may still drop the pin: then the pin is looked at again soon. Otherwise the CID is due for unpinning. Runs after
-- pin/hold. $1 CID, $2 claim.
WITH named AS (
    SELECT EXISTS (SELECT FROM blobs WHERE ipfs_cid = $1)
        OR EXISTS (SELECT FROM upload_parts WHERE ipfs_cid = $1 AND pinned) AS yes
), kept AS (
    DELETE FROM unpins USING named
    WHERE ipfs_cid = $1 AND claimed_by = $2 AND named.yes AND (doubt_until <= now()) IS NOT FALSE
)
UPDATE unpins SET
    claimed_by = NULL, claimed_until = NULL,
    next_try_at = now() + CASE WHEN named.yes THEN INTERVAL '30 seconds' ELSE INTERVAL '0' END
FROM named
WHERE ipfs_cid = $1 AND claimed_by = $2 AND NOT (named.yes AND (doubt_until <= now()) IS NOT FALSE)
