-- Asks all instances to store nothing new in Kubo for $1 seconds; 0 allows it again.
UPDATE collection SET closed_until = now() + make_interval(secs => $1)
