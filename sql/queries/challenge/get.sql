-- The digest that proves a host name at the moment. $1 name.
SELECT digest FROM acme_challenges WHERE name = $1 AND expires_at > now()
