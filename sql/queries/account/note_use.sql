-- Notes that an account was used, unless that was noted in the last $2 seconds. $1 id.
UPDATE accounts SET last_used_at = now()
WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= now() - make_interval(secs => $2))
