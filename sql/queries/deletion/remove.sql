-- Forgets the deletions of $2 (a digest) from $1 (a repository), because they were undone.
DELETE FROM deletions WHERE repository = $1 AND digest = $2
