-- A refresh token is the first of a family: each has a successor, whose secret is derived from the family and its number.
-- The previous version knows the first token of a family only.
ALTER TABLE refresh_tokens
    -- Number of the newest token of the family that was used; the first has 0.
    ADD COLUMN generation  BIGINT NOT NULL DEFAULT 0,
    -- When that one was used first. The one before it stays valid for a while, for requests under way.
    ADD COLUMN advanced_at TIMESTAMPTZ;
