-- The grants of one account, or of all. $1 account or NULL for all.
SELECT a.name AS account, g.pattern, g.role
FROM grants g
JOIN accounts a ON a.id = g.account_id
WHERE $1::TEXT IS NULL OR a.name = $1
ORDER BY a.name, g.pattern, g.role
