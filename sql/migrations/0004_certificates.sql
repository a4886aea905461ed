-- Certificates that are ordered by ACME (RFC 8555), one for all instances. What is sealed is so under the signing secret.

CREATE TABLE acme_accounts (
    -- Address of the directory that knows it.
    directory  TEXT COLLATE "C" PRIMARY KEY,
    -- Its address and private key.
    sealed     BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- A certificate in use, or being ordered for the first time.
CREATE TABLE certificates (
    directory    TEXT COLLATE "C" NOT NULL,
    -- Sorted, separated by commas.
    names        TEXT COLLATE "C" NOT NULL,
    -- PEM; NULL while the first is being ordered, and with it all of the next four.
    chain        TEXT,
    -- Private key, PEM, sealed.
    sealed       BYTEA,
    issued_at    TIMESTAMPTZ,
    renew_at     TIMESTAMPTZ,
    -- The instance that orders, until when it has the right to.
    leased_by    UUID,
    leased_until TIMESTAMPTZ,
    -- Orders since the last success that were begun, and when the next may be.
    failures     INTEGER NOT NULL,
    retry_at     TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (directory, names)
);

-- Validations under way (RFC 8737): any instance may be asked to show the digest.
CREATE TABLE acme_challenges (
    name       TEXT COLLATE "C" PRIMARY KEY,
    -- SHA-256 of the key authorization.
    digest     BYTEA NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);
