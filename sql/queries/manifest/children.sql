-- The manifests among $2 (digests) that $1 (a repository) holds. They are not locked, because an index may outlive its
-- children. The links are looked up one by one, as in manifest/lock_blobs.
WITH wanted AS MATERIALIZED (
    SELECT id, digest FROM manifests WHERE digest = ANY ($2)
)
SELECT wanted.digest, wanted.id
FROM wanted
CROSS JOIN LATERAL (
    SELECT FROM repository_manifests rm
    WHERE rm.repository_id = (SELECT id FROM repositories WHERE name = $1)
      AND rm.manifest_id = wanted.id
    OFFSET 0
) link
