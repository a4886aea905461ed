-- One at a time, until the transaction ends. What comes after looks with a snapshot of its own. The space of two integers
-- is the one in which migrations lock, too.
SELECT pg_advisory_xact_lock(1634887525, 2)
