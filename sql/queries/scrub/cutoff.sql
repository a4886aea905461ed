-- The time that was $1 seconds ago.
SELECT now() - make_interval(secs => $1) AS cutoff
