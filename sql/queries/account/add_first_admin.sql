-- Creates a user with every right if there is no user yet. Runs after account/lock_first. $1 name, $2 hash of the
-- secret.
WITH made AS (
    INSERT INTO accounts (name, secret_hash)
    SELECT $1, $2 WHERE NOT EXISTS (SELECT FROM accounts WHERE namespace IS NULL)
    RETURNING id
)
INSERT INTO grants (account_id, pattern, role) SELECT id, '*', 'admin' FROM made
