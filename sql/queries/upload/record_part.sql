-- Adds a part that Kubo holds to a session, if the session has the length that the writer expects. The part holds the
-- bytes of all pieces, so they go. Runs after upload/lock, and after pin/hold if the part is pinned. $1 id, $2 expected
-- length, $3 offset, $4 size, $5 CID, $6 the claim under which the CID was pinned, or NULL if it is not pinned, $7 and $8
-- algorithm and state of the running hash after the part, or NULL, $9 epoch in which the part was stored, or NULL (see
-- collection/share).
WITH advanced AS (
    UPDATE uploads SET
        received = $3::BIGINT + $4::BIGINT, pieces = 0, touched_at = now(),
        hashed = $3::BIGINT + $4::BIGINT, hash_algorithm = $7, hash_state = $8
    WHERE id = $1 AND received = $2
      AND ($9::BIGINT IS NULL OR EXISTS (SELECT FROM collection WHERE epoch = $9))
      AND ($6::UUID IS NULL OR EXISTS (SELECT FROM unpins WHERE ipfs_cid = $5 AND claimed_by = $6))
    RETURNING id
), merged AS (
    DELETE FROM upload_pieces p USING advanced a WHERE p.upload_id = a.id
), replaced AS (
    SELECT p.ipfs_cid FROM advanced a
    JOIN upload_parts p ON p.upload_id = a.id
    WHERE p.part_offset = $3 AND p.pinned AND p.ipfs_cid <> $5
), stored AS (
    INSERT INTO upload_parts (upload_id, part_offset, size, ipfs_cid, pinned)
    SELECT id, $3, $4, $5, $6::UUID IS NOT NULL FROM advanced
    ON CONFLICT (upload_id, part_offset) DO UPDATE SET
        size = excluded.size, ipfs_cid = excluded.ipfs_cid,
        -- The same bytes again: their pin stays needed.
        pinned = excluded.pinned OR (upload_parts.pinned AND upload_parts.ipfs_cid = excluded.ipfs_cid)
), dropped AS (
    INSERT INTO unpins (ipfs_cid) SELECT ipfs_cid FROM replaced
    ON CONFLICT (ipfs_cid) DO UPDATE
    SET requested_at = now(), done_at = NULL, attempts = 0, next_try_at = now(), requests = unpins.requests + 1
)
SELECT id FROM advanced
