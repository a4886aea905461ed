-- Makes a repository public or private, and makes it if there is none. $1 name, $2 whether everybody may pull.
INSERT INTO repositories (name, public) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET public = excluded.public
