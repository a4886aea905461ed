-- Background jobs: when each one that all instances share last ran, how that ended, and which instance runs it now.

CREATE TABLE jobs (
    name         TEXT COLLATE "C" PRIMARY KEY,
    -- The last run that ended; NULL before the first one.
    last_run_at  TIMESTAMPTZ,
    last_outcome TEXT CHECK (last_outcome IN ('ok', 'failed', 'stopped')),
    last_seconds DOUBLE PRECISION,
    last_error   TEXT,
    -- Failed runs in a row.
    failures     INTEGER NOT NULL DEFAULT 0,
    -- When any instance may start the next run.
    next_run_at  TIMESTAMPTZ NOT NULL DEFAULT now(),
    -- The instance that runs the job, and the end of its lease. An instance that dies loses the job at that time.
    leased_by    UUID,
    leased_until TIMESTAMPTZ
);

-- A pin that could not be dropped is tried again later, and meanwhile does not hold up the rest of the queue. An upsert
-- of the previous version leaves both columns alone: the CID then waits until its old next_try_at, an hour at most.
ALTER TABLE unpins
    ADD COLUMN attempts    INTEGER NOT NULL DEFAULT 0,
    ADD COLUMN next_try_at TIMESTAMPTZ NOT NULL DEFAULT now();
-- The previous version reads the queue by unpins_due, which also gives the age of the oldest item.
CREATE INDEX unpins_next_try ON unpins (next_try_at) WHERE done_at IS NULL;
