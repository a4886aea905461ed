-- Who may do what. A repository is private until somebody makes it public; everything else is a grant of a role to an
-- account on a repository, on all below a prefix, or on all.

ALTER TABLE repositories ADD COLUMN public BOOLEAN NOT NULL DEFAULT FALSE;
-- The catalog of those who hold few grants.
CREATE INDEX repositories_public ON repositories (name) WHERE public;

-- One number for one state of one account's credentials: never used twice, so a token that names it dies with it.
CREATE SEQUENCE account_revisions AS BIGINT;

CREATE TABLE accounts (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Renewed whenever what was handed out before must count for nothing: a new password or secret, a disabling.
    revision    BIGINT NOT NULL UNIQUE DEFAULT nextval('account_revisions'),
    name        TEXT COLLATE "C" NOT NULL UNIQUE,
    -- The namespace that a robot belongs to; NULL for a user.
    namespace   TEXT COLLATE "C",
    -- Of a user the argon2id hash in PHC form, of a robot the SHA-256 of its random secret in hex.
    secret_hash TEXT NOT NULL,
    expires_at  TIMESTAMPTZ,
    disabled_at TIMESTAMPTZ,
    created_at  TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE TABLE grants (
    account_id BIGINT NOT NULL REFERENCES accounts ON DELETE CASCADE,
    -- `*`, or `prefix/*`, or the name of a repository, which need not exist.
    pattern    TEXT COLLATE "C" NOT NULL,
    role       TEXT NOT NULL CHECK (role IN ('pull', 'push', 'delete', 'admin')),
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, pattern, role)
);

-- The one gate: whether the holder of credentials may use a repository in one of some roles, and which row it is.
-- $1 repository; $2 revision of the account, NULL for nobody in particular, 0 for a server that asks for no login; $3
-- the patterns that cover the repository; $4 the roles that would do, with 'public' among them where reading a public
-- repository is what is asked for. Always one row, also for a repository that does not exist: who may not use it does
-- not learn which of the two it is. A plain SELECT, so that PostgreSQL makes it part of the statement that asks; OFFSET
-- keeps it whole there, asked once.
CREATE FUNCTION gate(TEXT, BIGINT, TEXT[], TEXT[])
RETURNS TABLE (repository_id BIGINT, allowed BOOLEAN)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
AS $$
    SELECT r.id,
        $2 IS NOT DISTINCT FROM 0
        OR (r.public IS TRUE AND 'public' = ANY ($4))
        OR EXISTS (
            SELECT FROM accounts a
            JOIN grants g ON g.account_id = a.id
            WHERE a.revision = $2
              AND a.disabled_at IS NULL
              AND (a.expires_at IS NULL OR a.expires_at > now())
              AND g.pattern = ANY ($3) AND g.role = ANY ($4)
        )
    FROM (SELECT $1 AS name) asked
    LEFT JOIN repositories r ON r.name = asked.name
    OFFSET 0
$$;

-- The keys that sign tokens, the same for all instances. The private part is sealed under the signing secret.
CREATE TABLE signing_keys (
    kid        TEXT COLLATE "C" PRIMARY KEY,
    -- RSAPublicKey, DER (RFC 8017, A.1.1).
    public_key BYTEA NOT NULL,
    sealed     BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    -- Later than created_at, so that every instance knows the key before the first token names it.
    signs_from TIMESTAMPTZ NOT NULL,
    -- Set when a successor is made: until then tokens that it signed are believed.
    retires_at TIMESTAMPTZ
);

-- Refresh tokens: an identifier and a random secret, of which the SHA-256 is kept.
CREATE TABLE refresh_tokens (
    id          UUID PRIMARY KEY,
    account_id  BIGINT NOT NULL REFERENCES accounts ON DELETE CASCADE,
    -- The account's when it was issued.
    revision    BIGINT NOT NULL,
    service     TEXT NOT NULL,
    client_id   TEXT NOT NULL,
    secret_hash BYTEA NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL DEFAULT now(),
    used_at     TIMESTAMPTZ NOT NULL DEFAULT now(),
    revoked_at  TIMESTAMPTZ
);
CREATE INDEX refresh_tokens_account ON refresh_tokens (account_id);

-- When somebody last completed a blob in a repository: whose token ran out during the push may still end it with the
-- manifest.
CREATE TABLE recent_pushes (
    repository_id BIGINT NOT NULL REFERENCES repositories ON DELETE CASCADE,
    subject       TEXT NOT NULL,
    pushed_at     TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (repository_id, subject)
);
