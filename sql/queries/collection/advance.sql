-- Begins an epoch, in which everything that was garbage before is removed. Runs after collection/lock.
UPDATE collection SET epoch = epoch + 1, garbage = FALSE, advanced_at = now()
