-- What the last collections did, whether garbage is to be removed, and whether an upload moves bytes now. $1 seconds since
-- the last removal before which none is to be.
SELECT compared_at, lost_pins, collected_at, removed,
    (garbage OR (advanced_at IS NOT NULL AND (collected_at >= advanced_at) IS NOT TRUE))
        AND (collected_at + make_interval(secs => $1) < now()) IS NOT FALSE AS garbage,
    unpins_paused_until > now() AS paused,
    EXISTS (SELECT FROM uploads WHERE touched_at > now() - INTERVAL '5 seconds') AS busy
FROM collection
