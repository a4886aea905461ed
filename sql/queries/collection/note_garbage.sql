-- Notes that something became garbage.
UPDATE collection SET garbage = TRUE WHERE NOT garbage
