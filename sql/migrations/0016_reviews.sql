-- What may be needed no longer, and since when nothing has happened to it. Triggers fill the queue, and not the statements
-- of this program, because the previous version also unlinks, and also pushes again what is in the queue. No row of the
-- queue refers to another table: whoever writes here waits for nothing but the row itself.
CREATE TABLE reviews (
    -- link: a blob in a repository. untagged: a manifest in a repository. blob, manifest: the content itself.
    kind          TEXT COLLATE "C" NOT NULL,
    -- 0 for content, which belongs to no repository.
    repository_id BIGINT NOT NULL,
    item_id       BIGINT NOT NULL,
    -- Its last push, mount or loss of a reference. Each of these moves it forward.
    quiet_since   TIMESTAMPTZ NOT NULL DEFAULT now(),
    -- It is due a window after this. The same as quiet_since, but for what was postponed.
    review_from   TIMESTAMPTZ NOT NULL DEFAULT now(),
    -- Failed reviews in a row.
    attempts      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (kind, repository_id, item_id)
);
CREATE INDEX reviews_due ON reviews (kind, review_from);

-- What was removed from a repository, kept as long as it can be brought back. The triggers look names up one by one (OFFSET 0),
-- however many rows a statement removes.
CREATE TABLE deletions (
    id           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- By name, because the repository may be removed too.
    repository   TEXT COLLATE "C" NOT NULL,
    kind         TEXT COLLATE "C" NOT NULL CHECK (kind IN ('manifest', 'blob', 'tag')),
    -- Of a tag, the digest of its manifest.
    digest       TEXT COLLATE "C" NOT NULL,
    tag          TEXT COLLATE "C",
    content_type TEXT,
    deleted_at   TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX deletions_digest ON deletions (digest, repository);
CREATE INDEX deletions_deleted_at ON deletions (deleted_at);

-- Asked before a manifest is removed, and by the foreign keys then.
CREATE INDEX repository_manifests_manifest ON repository_manifests (manifest_id, repository_id);
CREATE INDEX manifest_children_manifest ON manifest_children (child_manifest_id, repository_id)
    WHERE child_manifest_id IS NOT NULL;
-- For the removal of what has ended.
CREATE INDEX recent_pushes_pushed_at ON recent_pushes (pushed_at);
CREATE INDEX refresh_tokens_used_at ON refresh_tokens (used_at);

-- A push or a mount. It runs before the insertion, so also for a link that is there already, and it waits for a review of
-- the link: after that the link is kept, or it is gone and the insertion makes it again.
CREATE FUNCTION review_pushed_blob() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO reviews (kind, repository_id, item_id) VALUES ('link', NEW.repository_id, NEW.blob_id)
    ON CONFLICT (kind, repository_id, item_id) DO UPDATE
    SET quiet_since = now(), review_from = now(), attempts = 0;
    RETURN NEW;
END
$$;
CREATE TRIGGER review_pushed_blob BEFORE INSERT ON repository_blobs
    FOR EACH ROW EXECUTE FUNCTION review_pushed_blob();

CREATE FUNCTION review_pushed_manifest() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO reviews (kind, repository_id, item_id) VALUES ('untagged', NEW.repository_id, NEW.manifest_id)
    ON CONFLICT (kind, repository_id, item_id) DO UPDATE
    SET quiet_since = now(), review_from = now(), attempts = 0;
    RETURN NEW;
END
$$;
CREATE TRIGGER review_pushed_manifest BEFORE INSERT ON repository_manifests
    FOR EACH ROW EXECUTE FUNCTION review_pushed_manifest();

CREATE FUNCTION review_unlinked_blobs() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO reviews (kind, repository_id, item_id)
    SELECT DISTINCT 'blob', 0, blob_id FROM gone ORDER BY blob_id
    ON CONFLICT (kind, repository_id, item_id) DO UPDATE
    SET quiet_since = now(), review_from = now(), attempts = 0;
    INSERT INTO deletions (repository, kind, digest)
    SELECT r.name, 'blob', b.digest
    FROM gone
    CROSS JOIN LATERAL (SELECT r.name FROM repositories r WHERE r.id = gone.repository_id OFFSET 0) r
    CROSS JOIN LATERAL (SELECT b.digest FROM blobs b WHERE b.id = gone.blob_id OFFSET 0) b;
    RETURN NULL;
END
$$;
CREATE TRIGGER review_unlinked_blobs AFTER DELETE ON repository_blobs REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION review_unlinked_blobs();

-- The manifest itself, its referrers, which may have lost their subject, and its subject, which may have lost its last
-- referrer. A subject may have any number of referrers; the job find-untagged finds those beyond the first thousand.
CREATE FUNCTION review_unlinked_manifests() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO reviews (kind, repository_id, item_id)
    SELECT DISTINCT 'manifest', 0, manifest_id FROM gone ORDER BY manifest_id
    ON CONFLICT (kind, repository_id, item_id) DO UPDATE
    SET quiet_since = now(), review_from = now(), attempts = 0;
    INSERT INTO reviews (kind, repository_id, item_id)
    SELECT DISTINCT 'untagged', found.repository_id, found.manifest_id
    FROM (
        (
            SELECT rm.repository_id, rm.manifest_id
            FROM gone
            CROSS JOIN LATERAL (SELECT m.digest FROM manifests m WHERE m.id = gone.manifest_id OFFSET 0) m
            CROSS JOIN LATERAL (
                SELECT rm.repository_id, rm.manifest_id FROM repository_manifests rm
                WHERE rm.repository_id = gone.repository_id AND rm.subject_digest = m.digest
                OFFSET 0
            ) rm
            LIMIT 1000
        )
        UNION ALL
        SELECT rm.repository_id, rm.manifest_id
        FROM gone
        CROSS JOIN LATERAL (SELECT m.id FROM manifests m WHERE m.digest = gone.subject_digest OFFSET 0) m
        CROSS JOIN LATERAL (
            SELECT rm.repository_id, rm.manifest_id FROM repository_manifests rm
            WHERE rm.repository_id = gone.repository_id AND rm.manifest_id = m.id
            OFFSET 0
        ) rm
    ) found
    ORDER BY found.repository_id, found.manifest_id
    ON CONFLICT (kind, repository_id, item_id) DO UPDATE
    SET quiet_since = now(), review_from = now(), attempts = 0;
    INSERT INTO deletions (repository, kind, digest, content_type)
    SELECT r.name, 'manifest', m.digest, coalesce(gone.content_type, m.content_type)
    FROM gone
    CROSS JOIN LATERAL (SELECT r.name FROM repositories r WHERE r.id = gone.repository_id OFFSET 0) r
    CROSS JOIN LATERAL (SELECT m.digest, m.content_type FROM manifests m WHERE m.id = gone.manifest_id OFFSET 0) m;
    RETURN NULL;
END
$$;
CREATE TRIGGER review_unlinked_manifests AFTER DELETE ON repository_manifests REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION review_unlinked_manifests();

CREATE FUNCTION review_unneeded_blobs() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO reviews (kind, repository_id, item_id)
    SELECT DISTINCT 'link', repository_id, blob_id FROM gone ORDER BY repository_id, blob_id
    ON CONFLICT (kind, repository_id, item_id) DO UPDATE
    SET quiet_since = now(), review_from = now(), attempts = 0;
    RETURN NULL;
END
$$;
CREATE TRIGGER review_unneeded_blobs AFTER DELETE ON manifest_blobs REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION review_unneeded_blobs();

CREATE FUNCTION review_orphans() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO reviews (kind, repository_id, item_id)
    SELECT DISTINCT lost.kind, lost.repository_id, lost.item_id
    FROM (
        SELECT 'link' COLLATE "C" AS kind, repository_id, child_blob_id AS item_id FROM gone
        UNION ALL SELECT 'untagged', repository_id, child_manifest_id FROM gone
        UNION ALL SELECT 'manifest', 0, child_manifest_id FROM gone
    ) lost
    WHERE lost.item_id IS NOT NULL
    ORDER BY lost.kind, lost.repository_id, lost.item_id
    ON CONFLICT (kind, repository_id, item_id) DO UPDATE
    SET quiet_since = now(), review_from = now(), attempts = 0;
    RETURN NULL;
END
$$;
CREATE TRIGGER review_orphans AFTER DELETE ON manifest_children REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION review_orphans();

-- An index that is pushed again may name a child as a manifest that it named as a blob before.
CREATE FUNCTION review_renamed_children() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO reviews (kind, repository_id, item_id)
    SELECT DISTINCT 'link', gone.repository_id, gone.child_blob_id
    FROM gone
    JOIN came USING (repository_id, index_id, child_digest)
    WHERE gone.child_blob_id IS NOT NULL AND gone.child_blob_id IS DISTINCT FROM came.child_blob_id
    ORDER BY gone.repository_id, gone.child_blob_id
    ON CONFLICT (kind, repository_id, item_id) DO UPDATE
    SET quiet_since = now(), review_from = now(), attempts = 0;
    RETURN NULL;
END
$$;
CREATE TRIGGER review_renamed_children AFTER UPDATE ON manifest_children
    REFERENCING OLD TABLE AS gone NEW TABLE AS came
    FOR EACH STATEMENT EXECUTE FUNCTION review_renamed_children();

CREATE FUNCTION review_deleted_tags() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO reviews (kind, repository_id, item_id)
    SELECT DISTINCT 'untagged', repository_id, manifest_id FROM gone ORDER BY repository_id, manifest_id
    ON CONFLICT (kind, repository_id, item_id) DO UPDATE
    SET quiet_since = now(), review_from = now(), attempts = 0;
    INSERT INTO deletions (repository, kind, digest, tag)
    SELECT r.name, 'tag', gone.manifest_digest, gone.name
    FROM gone
    CROSS JOIN LATERAL (SELECT r.name FROM repositories r WHERE r.id = gone.repository_id OFFSET 0) r;
    RETURN NULL;
END
$$;
CREATE TRIGGER review_deleted_tags AFTER DELETE ON tags REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION review_deleted_tags();

CREATE FUNCTION review_moved_tags() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO reviews (kind, repository_id, item_id)
    SELECT DISTINCT 'untagged', gone.repository_id, gone.manifest_id
    FROM gone
    JOIN came USING (repository_id, name)
    WHERE gone.manifest_id <> came.manifest_id
    ORDER BY gone.repository_id, gone.manifest_id
    ON CONFLICT (kind, repository_id, item_id) DO UPDATE
    SET quiet_since = now(), review_from = now(), attempts = 0;
    RETURN NULL;
END
$$;
CREATE TRIGGER review_moved_tags AFTER UPDATE ON tags REFERENCING OLD TABLE AS gone NEW TABLE AS came
    FOR EACH STATEMENT EXECUTE FUNCTION review_moved_tags();
