-- Removes a repository that holds nothing. $1 name.
DELETE FROM repositories WHERE name = $1
