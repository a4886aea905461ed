-- Replaces the account at a directory. $1 directory, $2 sealed.
INSERT INTO acme_accounts (directory, sealed) VALUES ($1, $2)
ON CONFLICT (directory) DO UPDATE SET sealed = excluded.sealed, created_at = now()
