-- Removes challenges that have expired. An order removes its own at its end, if it comes to one.
DELETE FROM acme_challenges WHERE expires_at <= now()
