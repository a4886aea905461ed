-- The id of a repository, which begins to be with its first use. $1 name.
-- The update writes nothing new: it is there to return the row of whoever inserted it since this statement began. Not of
-- a key column, for that would lock the row against the foreign keys to it.
WITH found AS (
    SELECT id FROM repositories WHERE name = $1
), made AS (
    INSERT INTO repositories (name)
    SELECT $1 WHERE NOT EXISTS (SELECT FROM found)
    ON CONFLICT (name) DO UPDATE SET created_at = repositories.created_at
    RETURNING id
)
SELECT id FROM found UNION ALL SELECT id FROM made
