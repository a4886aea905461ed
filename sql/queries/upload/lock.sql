-- The length of a session, locked against other writers. $1 id.
SELECT received FROM uploads WHERE id = $1 FOR NO KEY UPDATE
