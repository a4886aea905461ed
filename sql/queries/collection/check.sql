-- One row if the epoch is still $1, or if $1 is NULL. Runs after collection/share.
SELECT FROM collection WHERE $1::BIGINT IS NULL OR epoch = $1
