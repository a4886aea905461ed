-- Keeps pins from being dropped for $1 seconds; 0 allows it again.
UPDATE collection SET unpins_paused_until = now() + make_interval(secs => $1)
