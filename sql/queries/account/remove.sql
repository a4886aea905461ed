-- Removes an account; its grants and refresh tokens go with it. $1 name.
DELETE FROM accounts WHERE name = $1
