-- The bytes of a session from an offset on that are in pieces, in order. $1 id, $2 offset.
SELECT bytes FROM upload_pieces WHERE upload_id = $1 AND piece_offset >= $2 ORDER BY piece_offset
