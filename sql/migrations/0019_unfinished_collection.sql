-- When the last epoch began. If no removal of blocks has ended since, its process has died, and garbage is left.
ALTER TABLE collection ADD COLUMN advanced_at TIMESTAMPTZ;
