-- Locks those of the links $1 and $2 (repositories, blobs) that no manifest and no index of the repository names. `busy`
-- are those that somebody else has locked: a manifest that names them may be about to be committed. Whoever removes a
-- reference queues the link again, so a link that is named now is done with.
WITH due AS MATERIALIZED (
    SELECT q.repository_id, q.blob_id
    FROM unnest($1::BIGINT[], $2::BIGINT[]) q (repository_id, blob_id)
    WHERE EXISTS (
            SELECT FROM repository_blobs rb
            WHERE rb.repository_id = q.repository_id AND rb.blob_id = q.blob_id
            OFFSET 0
        )
        AND NOT EXISTS (
            SELECT FROM manifest_blobs mb
            WHERE mb.repository_id = q.repository_id AND mb.blob_id = q.blob_id
            OFFSET 0
        )
        AND NOT EXISTS (
            SELECT FROM manifest_children mc
            WHERE mc.repository_id = q.repository_id AND mc.child_blob_id = q.blob_id
            OFFSET 0
        )
), locked AS MATERIALIZED (
    SELECT link.repository_id, link.blob_id
    FROM due
    CROSS JOIN LATERAL (
        SELECT rb.repository_id, rb.blob_id
        FROM repository_blobs rb
        WHERE rb.repository_id = due.repository_id AND rb.blob_id = due.blob_id
        FOR UPDATE OF rb SKIP LOCKED
    ) link
)
SELECT due.repository_id, due.blob_id AS item_id, locked.blob_id IS NULL AS busy
FROM due
LEFT JOIN locked ON locked.repository_id = due.repository_id AND locked.blob_id = due.blob_id
