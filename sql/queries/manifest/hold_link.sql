-- Makes a deletion of a manifest wait until the new tags of the manifest are committed; the deletion then removes them.
-- Runs before the tags are written, and manifest/lock_link runs before they are deleted, so that the two never
-- deadlock. $1 repository, $2 digest.
SELECT manifest_id
FROM repository_manifests
WHERE repository_id = (SELECT id FROM repositories WHERE name = $1)
  AND manifest_id = (SELECT id FROM manifests WHERE digest = $2)
FOR KEY SHARE
