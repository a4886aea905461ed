-- The length of a session and the running hash up to there, locked against other writers. $1 id.
SELECT received, hash_state FROM uploads WHERE id = $1 FOR NO KEY UPDATE
