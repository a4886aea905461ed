-- How many blobs are under quarantine, counted up to $1. Reads the partial index blobs_quarantined.
SELECT count(*) AS blobs FROM (SELECT FROM blobs WHERE quarantined_at IS NOT NULL LIMIT $1) counted
