-- Stores a refresh token, unless the account has another revision by now. Deletes the tokens of the account that were not
-- used for $7 seconds, and those of the client but the $8 used last. $1 id, $2 account, $3 revision, $4 service,
-- $5 client, $6 hash of the secret.
WITH owner AS (
    SELECT id, revision FROM accounts WHERE id = $2 AND revision = $3
), expired AS (
    DELETE FROM refresh_tokens
    WHERE account_id = (SELECT id FROM owner) AND used_at <= now() - make_interval(secs => $7)
), superseded AS (
    DELETE FROM refresh_tokens
    WHERE id IN (
        SELECT t.id FROM refresh_tokens t
        WHERE t.account_id = (SELECT id FROM owner) AND t.client_id = $5
          AND t.used_at > now() - make_interval(secs => $7)
        ORDER BY t.used_at DESC, t.id
        OFFSET $8::BIGINT
    )
)
INSERT INTO refresh_tokens (id, account_id, revision, service, client_id, secret_hash)
SELECT $1, id, revision, $4, $5, $6 FROM owner
