-- Disables an account ($2 true) or enables it. Either way it gets a new revision. $1 name.
UPDATE accounts SET
    disabled_at = CASE WHEN $2 THEN coalesce(disabled_at, now()) END,
    revision = nextval('account_revisions')
WHERE name = $1
