-- Locks those of the repositories $1 (ids) that no transaction uses. Who begins to use one of them then waits.
SELECT id FROM repositories WHERE id = ANY ($1) FOR UPDATE SKIP LOCKED
