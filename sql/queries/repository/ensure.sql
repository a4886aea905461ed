-- Finds or creates a repository and returns its id. $1 name.
-- The update changes nothing; with it, the statement also returns a row that another transaction has inserted since the
-- statement began. It sets a column that is in no key, because an update of a key would make transactions wait that
-- reference the row.
WITH found AS (
    SELECT id FROM repositories WHERE name = $1
), made AS (
    INSERT INTO repositories (name)
    SELECT $1 WHERE NOT EXISTS (SELECT FROM found)
    ON CONFLICT (name) DO UPDATE SET created_at = repositories.created_at
    RETURNING id
)
SELECT id FROM found UNION ALL SELECT id FROM made
