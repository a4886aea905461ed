-- When an account was last used, to the hour; NULL for one that was not used since this column exists.
ALTER TABLE accounts ADD COLUMN last_used_at TIMESTAMPTZ;
