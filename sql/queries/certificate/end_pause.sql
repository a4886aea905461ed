-- Ends the pause after the last order, so that the next one may be placed now. Changes nothing while an instance orders. $1
-- directory, $2 names.
UPDATE certificates SET retry_at = now()
WHERE directory = $1 AND names = $2 AND retry_at > now() AND (leased_until IS NULL OR leased_until <= now())
