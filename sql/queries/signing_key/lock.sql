-- Lets one transaction at a time add a key. The next statement has a snapshot of its own, so it sees what the previous
-- transaction did. The key of the lock is two integers, as that of migrations is.
SELECT pg_advisory_xact_lock(1634887525, 3)
