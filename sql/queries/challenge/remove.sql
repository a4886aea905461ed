-- Removes the challenges of these names, and all that have expired. $1 names.
DELETE FROM acme_challenges WHERE name = ANY ($1) OR expires_at <= now()
