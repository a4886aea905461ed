-- Disables or enables, with a new revision either way. $1 name, $2 whether it is disabled from now on.
UPDATE accounts SET
    disabled_at = CASE WHEN $2 THEN coalesce(disabled_at, now()) END,
    revision = nextval('account_revisions')
WHERE name = $1
