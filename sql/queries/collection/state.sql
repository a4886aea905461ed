-- What the last collections did, whether garbage is suspected, and whether an upload moves bytes now.
SELECT compared_at, lost_pins, collected_at, removed, garbage,
    EXISTS (SELECT FROM uploads WHERE touched_at > now() - INTERVAL '5 seconds') AS busy
FROM collection
