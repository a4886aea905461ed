-- The end of an upload that is too short to be worth a block in Kubo. A client that appends a few bytes in each request
-- would otherwise make Kubo write the open leaf, up to 1 MiB, again and again. The pieces follow the last part, and the
-- part that holds the whole leaf takes their place.
CREATE TABLE upload_pieces (
    -- The previous version ends uploads without knowing of this table.
    upload_id    UUID NOT NULL REFERENCES uploads ON DELETE CASCADE,
    piece_offset BIGINT NOT NULL CHECK (piece_offset >= 0),
    bytes        BYTEA NOT NULL,
    PRIMARY KEY (upload_id, piece_offset)
);
-- Layers are compressed already.
ALTER TABLE upload_pieces ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- Number of rows in upload_pieces, so that an upload without pieces costs no look at them.
ALTER TABLE uploads ADD COLUMN pieces INTEGER NOT NULL DEFAULT 0;

-- The open uploads of an account.
CREATE INDEX uploads_subject ON uploads (subject, touched_at);
