-- The epoch, and whether nothing new may be stored in Kubo now.
SELECT epoch, closed_until > now() AS closed FROM collection
