-- Whatever names the old one counts for nothing from now on. $1 name.
UPDATE accounts SET revision = nextval('account_revisions') WHERE name = $1
