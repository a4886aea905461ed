-- Forgets what proved these names, and what is past. $1 names.
DELETE FROM acme_challenges WHERE name = ANY ($1) OR expires_at <= now()
