-- The running hash of an upload, so that any instance continues and closes it without reading its bytes again. It counts
-- only while `hashed` equals `received`: the previous version appends bytes and knows nothing of it.
ALTER TABLE uploads
    ADD COLUMN hashed         BIGINT,
    ADD COLUMN hash_algorithm TEXT,
    ADD COLUMN hash_state     BYTEA;
