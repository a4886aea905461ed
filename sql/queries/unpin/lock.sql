-- Lets one transaction at a time work on a CID. The next statement has a snapshot of its own, so it sees what the
-- previous transaction did. $1 CID.
SELECT pg_advisory_xact_lock(hashtextextended($1, 0))
