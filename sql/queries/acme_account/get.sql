-- The account at an ACME directory. $1 directory.
SELECT sealed FROM acme_accounts WHERE directory = $1
