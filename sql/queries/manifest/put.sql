-- Stores a manifest, its link to a repository, links to what it names, and its tags. $1 repository id, $2 digest, $3
-- content type, $4 artifact type, $5 subject, $6 annotations, $7 data, $8 raw, $9 ids of blobs, $10 to $12 children
-- (digests, manifest ids or NULL, blob ids or NULL), $13 tags.
WITH found AS (
    SELECT id FROM manifests WHERE digest = $2
), made AS (
    INSERT INTO manifests
        (digest, content_type, artifact_type, subject_digest, annotations, data, raw, size)
    SELECT $2, $3, $4, $5, $6::JSONB, $7::JSONB, $8::BYTEA, length($8::BYTEA)
    WHERE NOT EXISTS (SELECT FROM found)
    -- As in repository/ensure: also returns a row that another transaction has inserted meanwhile.
    ON CONFLICT (digest) DO UPDATE SET content_type = manifests.content_type
    RETURNING id
), manifest AS (
    SELECT id FROM found UNION ALL SELECT id FROM made
), link AS (
    INSERT INTO repository_manifests
        (repository_id, manifest_id, content_type, artifact_type, subject_digest, referrer_digest, referrer_type)
    SELECT $1, id, $3, $4, $5,
        CASE WHEN $5 IS NOT NULL THEN $2 END,
        CASE WHEN $5 IS NOT NULL AND length($4) <= 255 THEN $4 END
    FROM manifest
    ON CONFLICT (repository_id, manifest_id) DO NOTHING
), moved AS (
    -- A repeated push with another type moves this link only. It is no part of the upsert, which would lock the link of
    -- every repeated push and so wait for each other one.
    UPDATE repository_manifests rm SET
        content_type = $3,
        artifact_type = $4,
        referrer_type = CASE WHEN rm.subject_digest IS NOT NULL AND length($4) <= 255 THEN $4 END
    FROM found
    WHERE rm.repository_id = $1 AND rm.manifest_id = found.id AND rm.content_type IS DISTINCT FROM $3
), blobs AS (
    INSERT INTO manifest_blobs (repository_id, manifest_id, blob_id)
    SELECT $1, manifest.id, b.id FROM manifest, unnest($9::BIGINT[]) b (id)
    ON CONFLICT (repository_id, manifest_id, blob_id) DO NOTHING
), children AS (
    INSERT INTO manifest_children
        (repository_id, index_id, child_digest, child_manifest_id, child_blob_id)
    SELECT $1, manifest.id, c.digest, c.manifest_id, c.blob_id
    FROM manifest, unnest($10::TEXT[], $11::BIGINT[], $12::BIGINT[]) c (digest, manifest_id, blob_id)
    -- When a sparse index is pushed again, this links the children that were pushed in between.
    ON CONFLICT (repository_id, index_id, child_digest) DO UPDATE SET
        child_manifest_id = excluded.child_manifest_id,
        child_blob_id = excluded.child_blob_id
)
INSERT INTO tags (repository_id, name, manifest_id, manifest_digest)
SELECT $1, t.name, manifest.id, $2
FROM manifest, unnest($13::TEXT[]) t (name)
ORDER BY t.name COLLATE "C"
ON CONFLICT (repository_id, name) DO UPDATE SET
    manifest_id = excluded.manifest_id,
    manifest_digest = excluded.manifest_digest,
    updated_at = now()
