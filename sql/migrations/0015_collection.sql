-- The garbage collection of Kubo, in one row for all instances.
CREATE TABLE collection (
    id            BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (id),
    -- Grows each time before blocks are removed. Blocks that were stored earlier and that no row names yet may be gone.
    epoch         BIGINT NOT NULL DEFAULT 0,
    -- Until then nothing new is stored in Kubo, so that no block is removed while it is being stored.
    closed_until  TIMESTAMPTZ NOT NULL DEFAULT '-infinity',
    -- Until then no pin is dropped, so that the pins can be compared with the rows.
    unpins_paused_until TIMESTAMPTZ NOT NULL DEFAULT '-infinity',
    -- Whether something may have become garbage since blocks were last removed.
    garbage       BOOLEAN NOT NULL DEFAULT TRUE,
    -- The last comparison of pins with rows, and how many pins it found lost.
    compared_at   TIMESTAMPTZ,
    lost_pins     BIGINT NOT NULL DEFAULT 0,
    -- The last time that blocks were removed, and their number.
    collected_at  TIMESTAMPTZ,
    removed       BIGINT NOT NULL DEFAULT 0
);
INSERT INTO collection DEFAULT VALUES;

-- Whether the claim of a CID is that of a caller who drops its pin.
ALTER TABLE unpins ADD COLUMN unpinning BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX unpins_unpinning ON unpins (claimed_until) WHERE unpinning AND claimed_until IS NOT NULL;
CREATE INDEX unpins_doubt ON unpins (doubt_until) WHERE doubt_until IS NOT NULL;
-- The parts that a collection must protect.
CREATE INDEX upload_parts_unpinned ON upload_parts (upload_id, part_offset) WHERE NOT pinned;
