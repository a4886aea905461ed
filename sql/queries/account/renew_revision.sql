-- Ends every token that names the old revision of an account. $1 name.
UPDATE accounts SET revision = nextval('account_revisions') WHERE name = $1
