-- Stores a refresh token, unless the account has another revision by now. $1 id, $2 account, $3 revision, $4 service,
-- $5 client, $6 hash of the secret.
INSERT INTO refresh_tokens (id, account_id, revision, service, client_id, secret_hash)
SELECT $1, id, revision, $4, $5, $6 FROM accounts WHERE id = $2 AND revision = $3
