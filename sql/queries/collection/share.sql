-- Keeps the epoch from growing until the transaction ends. A statement of its own takes the lock, so that the next one
-- reads the epoch that the lock holds. $1 epoch; NULL takes no lock, because no registry removes blocks.
SELECT CASE WHEN $1::BIGINT IS NOT NULL THEN pg_advisory_xact_lock_shared(7522537965569835379) END
