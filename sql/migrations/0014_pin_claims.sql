-- A pin is set and dropped in two steps, and no transaction is open while Kubo works. The row of the CID says meanwhile who
-- works on it. It is there before the pin is, so that a pin which nothing came to need is found and dropped.
ALTER TABLE unpins
    -- The claim that works on the CID, and when it ends if its owner dies.
    ADD COLUMN claimed_by    UUID,
    ADD COLUMN claimed_until TIMESTAMPTZ,
    -- Grows with each request to unpin the CID. It tells whether one came while an earlier one was dealt with.
    ADD COLUMN requests      BIGINT NOT NULL DEFAULT 0,
    -- A call that drops the pin got no answer, and Kubo may still carry it out until then.
    ADD COLUMN doubt_until   TIMESTAMPTZ;

-- Whether Kubo pins the part itself. The previous version pins all of them. A Kubo that only the registry collects need not:
-- a collection protects the parts of open uploads.
ALTER TABLE upload_parts ADD COLUMN pinned BOOLEAN NOT NULL DEFAULT TRUE;
