-- With its grants and refresh tokens. $1 name.
DELETE FROM accounts WHERE name = $1
