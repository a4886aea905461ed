-- Waits for the transactions that hold the epoch (collection/share).
SELECT pg_advisory_xact_lock(7522537965569835379)
