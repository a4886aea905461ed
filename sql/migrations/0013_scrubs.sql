-- When the scrub last compared the bytes of a blob with its digest; NULL for one that it has not read. The push compared
-- them too, so a blob without this time counts as compared when it was pushed.
ALTER TABLE blobs ADD COLUMN scrubbed_at TIMESTAMPTZ;
-- The blobs that have waited longest.
CREATE INDEX blobs_compared ON blobs ((coalesce(scrubbed_at, created_at)), id);
-- The few under quarantine, which the scrub looks at again and again.
CREATE INDEX blobs_quarantined ON blobs (id) WHERE quarantined_at IS NOT NULL;
