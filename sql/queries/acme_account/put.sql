-- Stores or replaces the account at an ACME directory. $1 directory, $2 sealed credentials.
INSERT INTO acme_accounts (directory, sealed) VALUES ($1, $2)
ON CONFLICT (directory) DO UPDATE SET sealed = excluded.sealed, created_at = now()
