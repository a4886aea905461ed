-- Uploads under way, and the pins that nobody needs any more.

CREATE TABLE uploads (
    id            UUID PRIMARY KEY,
    repository_id BIGINT NOT NULL REFERENCES repositories ON DELETE RESTRICT,
    subject       TEXT NOT NULL,
    algorithm     TEXT,
    -- Where the next byte goes: everything below is durable in Kubo.
    received      BIGINT NOT NULL DEFAULT 0 CHECK (received >= 0),
    created_at    TIMESTAMPTZ NOT NULL DEFAULT now(),
    touched_at    TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX uploads_touched_at ON uploads (touched_at);

-- One finished `add` each. A part may begin below the end of the one before it: then it holds those bytes again.
CREATE TABLE upload_parts (
    upload_id   UUID NOT NULL REFERENCES uploads ON DELETE RESTRICT,
    part_offset BIGINT NOT NULL CHECK (part_offset >= 0),
    size        BIGINT NOT NULL CHECK (size >= 0),
    ipfs_cid    TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (upload_id, part_offset)
);
-- Asked before a pin is dropped.
CREATE INDEX upload_parts_ipfs_cid ON upload_parts (ipfs_cid);

-- Pins in Kubo are a set, not a count: a CID is queued here when one of its users goes, and unpinned only when a look
-- under its advisory lock finds no other. The row stays as a tombstone for a while, so that an upload which added
-- the same bytes before the pin was dropped, and asks after, learns that it has to pin again.
CREATE TABLE unpins (
    ipfs_cid     TEXT COLLATE "C" PRIMARY KEY,
    requested_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    done_at      TIMESTAMPTZ
);
CREATE INDEX unpins_due ON unpins (requested_at) WHERE done_at IS NULL;
CREATE INDEX unpins_done ON unpins (done_at) WHERE done_at IS NOT NULL;
