-- A new database has no garbage, so pushes need not wait for a first collection.
UPDATE collection SET garbage = EXISTS (SELECT FROM blobs) OR EXISTS (SELECT FROM uploads);
