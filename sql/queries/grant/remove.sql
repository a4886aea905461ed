-- Revokes a role of an account. $1 account, $2 pattern, $3 role or NULL for every role.
DELETE FROM grants g USING accounts a
WHERE a.id = g.account_id AND a.name = $1 AND g.pattern = $2
  AND ($3::TEXT IS NULL OR g.role = $3)
