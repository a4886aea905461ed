-- The keys that are trusted, the newest first. `signs` is true for the newest key whose time to sign has come.
SELECT kid, public_key, sealed, created_at, signs_from, retires_at,
    kid = (
        SELECT kid FROM signing_keys
        WHERE signs_from <= now() AND (retires_at IS NULL OR retires_at > now())
        ORDER BY signs_from DESC, kid LIMIT 1
    ) AS signs
FROM signing_keys
WHERE retires_at IS NULL OR retires_at > now()
ORDER BY signs_from DESC, kid
