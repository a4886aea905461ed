-- Notes that bytes of a session still arrive, so that it does not expire. $1 id.
UPDATE uploads SET touched_at = now() WHERE id = $1
