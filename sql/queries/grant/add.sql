-- Gives an account a role. The update changes nothing; it makes the statement count a grant that existed already. $1
-- account, $2 pattern, $3 role.
INSERT INTO grants (account_id, pattern, role)
SELECT id, $2, $3 FROM accounts WHERE name = $1
ON CONFLICT (account_id, pattern, role) DO UPDATE SET created_at = grants.created_at
