-- Adds a piece to a session, if the session has the length that the writer expects. Runs after upload/lock. $1 id, $2
-- expected length, $3 bytes, $4 and $5 algorithm and state of the running hash after them, or NULL.
WITH advanced AS (
    UPDATE uploads SET
        received = received + length($3::BYTEA), pieces = pieces + 1, touched_at = now(),
        hashed = received + length($3::BYTEA), hash_algorithm = $4, hash_state = $5
    WHERE id = $1 AND received = $2
    RETURNING id
)
INSERT INTO upload_pieces (upload_id, piece_offset, bytes) SELECT id, $2, $3 FROM advanced
RETURNING upload_id AS id
