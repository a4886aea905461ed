-- Makes a repository public or private, and creates it if it does not exist. $1 name, $2 whether everybody may pull.
INSERT INTO repositories (name, public) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET public = excluded.public
