-- Revokes all refresh tokens of an account. $1 name of the account.
UPDATE refresh_tokens t SET revoked_at = now()
FROM accounts a
WHERE a.id = t.account_id AND a.name = $1 AND t.revoked_at IS NULL
