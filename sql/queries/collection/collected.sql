-- Notes that blocks were removed. $1 their number, $2 whether some garbage is left.
UPDATE collection SET collected_at = now(), removed = $1, garbage = garbage OR $2
