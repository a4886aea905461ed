-- One at a time for each CID, until the transaction ends. What comes after looks with a snapshot of its own. $1 CID.
SELECT pg_advisory_xact_lock(hashtextextended($1, 0))
