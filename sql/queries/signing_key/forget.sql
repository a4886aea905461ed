-- Removes keys that have retired more than $1 seconds ago. Nobody trusts them since then.
DELETE FROM signing_keys WHERE retires_at <= now() - make_interval(secs => $1)
