-- The manifests among $2 (digests) that $1 (a repository) holds. Their links are locked, in the order of the digests, until
-- the index that names them is committed, so that a review of untagged manifests does not remove them meanwhile. A client
-- may delete them afterwards: an index may outlive its children. The links are looked up one by one, as in
-- manifest/lock_blobs.
WITH wanted AS MATERIALIZED (
    SELECT id, digest FROM manifests WHERE digest = ANY ($2) ORDER BY digest
)
SELECT wanted.digest, link.manifest_id AS id
FROM wanted
CROSS JOIN LATERAL (
    SELECT rm.manifest_id FROM repository_manifests rm
    WHERE rm.repository_id = (SELECT id FROM repositories WHERE name = $1)
      AND rm.manifest_id = wanted.id
    FOR KEY SHARE OF rm
) link
