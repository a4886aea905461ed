-- Unless the account is in another state by now. $1 id, $2 account, $3 its revision, $4 service, $5 client,
-- $6 secret's hash.
INSERT INTO refresh_tokens (id, account_id, revision, service, client_id, secret_hash)
SELECT $1, id, revision, $4, $5, $6 FROM accounts WHERE id = $2 AND revision = $3
