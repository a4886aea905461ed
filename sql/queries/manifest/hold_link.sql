-- Holds a manifest that is already here until its new tags are committed: a deletion waits, and then finds them. Before
-- the tags, as in manifest/lock_link, so that the two never wait for each other. $1 repository, $2 digest.
SELECT manifest_id
FROM repository_manifests
WHERE repository_id = (SELECT id FROM repositories WHERE name = $1)
  AND manifest_id = (SELECT id FROM manifests WHERE digest = $2)
FOR KEY SHARE
