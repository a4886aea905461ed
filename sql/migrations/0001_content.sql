-- What is stored, and in which repository. Content is global; access is per repository, so every read joins a
-- link table. Digests are kept as people write them, `sha256:<hex>`; names and tags sort by bytes, as the
-- distribution specification's lists do.
--
-- Of two indexes on a link table, one begins with the repository and the other does not, so that a look for one link
-- never walks through all of a repository.

CREATE TABLE repositories (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       TEXT COLLATE "C" NOT NULL UNIQUE,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE TABLE blobs (
    id             BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest         TEXT COLLATE "C" NOT NULL UNIQUE,
    ipfs_cid       TEXT COLLATE "C" NOT NULL,
    size           BIGINT NOT NULL CHECK (size >= 0),
    -- Set when a read of the CID did not give the bytes of the digest; the next push of the digest clears it.
    quarantined_at TIMESTAMPTZ,
    created_at     TIMESTAMPTZ NOT NULL DEFAULT now()
);
-- Asked before a pin is dropped.
CREATE INDEX blobs_ipfs_cid ON blobs (ipfs_cid);

CREATE TABLE manifests (
    id             BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest         TEXT COLLATE "C" NOT NULL UNIQUE,
    content_type   TEXT NOT NULL,
    artifact_type  TEXT,
    subject_digest TEXT COLLATE "C",
    annotations    JSONB,
    -- For operators' queries only; NULL when JSONB cannot hold it, as with U+0000 in a string.
    data           JSONB,
    -- What the digest is of and what is served. Stored as PostgreSQL does by default: a manifest of 15 layers shrinks to
    -- 57 %, and neither storing it plain nor keeping it in the row, nor lz4, made a read of it measurably faster.
    raw            BYTEA NOT NULL,
    size           BIGINT NOT NULL CHECK (size >= 0),
    created_at     TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE TABLE repository_blobs (
    repository_id BIGINT NOT NULL REFERENCES repositories ON DELETE RESTRICT,
    blob_id       BIGINT NOT NULL REFERENCES blobs ON DELETE RESTRICT,
    created_at    TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (repository_id, blob_id)
);
-- Whether any repository holds a blob: a mount that names none. With the repository, so that it serves a look for one
-- link as well as the key does: a base layer has as many links as there are repositories.
CREATE INDEX repository_blobs_blob ON repository_blobs (blob_id, repository_id);

CREATE TABLE repository_manifests (
    repository_id   BIGINT NOT NULL REFERENCES repositories ON DELETE RESTRICT,
    manifest_id     BIGINT NOT NULL REFERENCES manifests ON DELETE RESTRICT,
    created_at      TIMESTAMPTZ NOT NULL DEFAULT now(),
    -- Copies of the manifest's columns, set for a manifest with a subject only, so that a page of referrers is read
    -- from one index in its order. The type stays NULL when it is over the 255 characters of a media type (RFC 6838,
    -- 4.2): an index row has a limit of size, a manifest's text has none.
    subject_digest  TEXT COLLATE "C",
    referrer_digest TEXT COLLATE "C",
    referrer_type   TEXT COLLATE "C",
    PRIMARY KEY (repository_id, manifest_id),
    CHECK ((subject_digest IS NULL) = (referrer_digest IS NULL))
);
CREATE INDEX repository_manifests_referrers
    ON repository_manifests (repository_id, subject_digest, referrer_digest)
    WHERE subject_digest IS NOT NULL;
CREATE INDEX repository_manifests_referrers_of_type
    ON repository_manifests (repository_id, subject_digest, referrer_type, referrer_digest)
    WHERE subject_digest IS NOT NULL AND referrer_type IS NOT NULL;

CREATE TABLE tags (
    repository_id   BIGINT NOT NULL,
    name            TEXT COLLATE "C" NOT NULL,
    manifest_id     BIGINT NOT NULL,
    manifest_digest TEXT COLLATE "C" NOT NULL,
    created_at      TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at      TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (repository_id, name),
    FOREIGN KEY (repository_id, manifest_id) REFERENCES repository_manifests ON DELETE RESTRICT
);
-- The tags of a manifest: its deletion, and the foreign key's check.
CREATE INDEX tags_manifest ON tags (manifest_id, repository_id);

-- Which blobs of its repository a manifest needs. The key to the blob's link is what keeps a blob from being
-- unlinked under a manifest.
CREATE TABLE manifest_blobs (
    repository_id BIGINT NOT NULL,
    manifest_id   BIGINT NOT NULL,
    blob_id       BIGINT NOT NULL,
    PRIMARY KEY (repository_id, manifest_id, blob_id),
    FOREIGN KEY (repository_id, manifest_id) REFERENCES repository_manifests ON DELETE RESTRICT,
    FOREIGN KEY (repository_id, blob_id) REFERENCES repository_blobs ON DELETE RESTRICT
);
CREATE INDEX manifest_blobs_blob ON manifest_blobs (blob_id, repository_id);

-- What an index names: a manifest, a blob, or (sparse) nothing that is here. A child manifest may lose its link to
-- the repository while an index names it, so the key goes to the global row; a child blob may not.
CREATE TABLE manifest_children (
    repository_id     BIGINT NOT NULL,
    index_id          BIGINT NOT NULL,
    child_digest      TEXT COLLATE "C" NOT NULL,
    child_manifest_id BIGINT REFERENCES manifests ON DELETE RESTRICT,
    child_blob_id     BIGINT,
    PRIMARY KEY (repository_id, index_id, child_digest),
    FOREIGN KEY (repository_id, index_id)
        REFERENCES repository_manifests (repository_id, manifest_id) ON DELETE RESTRICT,
    FOREIGN KEY (repository_id, child_blob_id)
        REFERENCES repository_blobs (repository_id, blob_id) ON DELETE RESTRICT
);
CREATE INDEX manifest_children_blob ON manifest_children (child_blob_id, repository_id)
    WHERE child_blob_id IS NOT NULL;
