-- Waits for transactions that are about to tag a manifest, and makes later ones wait. $1 repository, $2 digest.
SELECT manifest_id
FROM repository_manifests
WHERE repository_id = (SELECT id FROM repositories WHERE name = $1)
  AND manifest_id = (SELECT id FROM manifests WHERE digest = $2)
FOR UPDATE
