-- The state of the database, for the metrics. Reads statistics and catalogs only, so it costs the same at every size. What
-- other roles do is hidden from a role that is not a member of pg_monitor, and counts as nothing.
SELECT pg_database_size(current_database()) AS bytes,
    (SELECT coalesce(sum(n_live_tup), 0)::BIGINT FROM pg_stat_user_tables) AS live_rows,
    (SELECT coalesce(sum(n_dead_tup), 0)::BIGINT FROM pg_stat_user_tables) AS dead_rows,
    (SELECT coalesce(max(greatest(extract(epoch FROM clock_timestamp() - xact_start), 0)), 0)::FLOAT8
        FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()) AS oldest_transaction,
    (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()) AS connections,
    current_setting('max_connections')::BIGINT AS connection_limit,
    (SELECT count(*) FROM pg_stat_replication) AS replicas,
    (SELECT coalesce(max(extract(epoch FROM replay_lag)), 0)::FLOAT8 FROM pg_stat_replication) AS replication_lag,
    (SELECT greatest(reltuples, 0)::BIGINT FROM pg_class WHERE oid = 'repositories'::REGCLASS) AS repositories,
    (SELECT greatest(reltuples, 0)::BIGINT FROM pg_class WHERE oid = 'blobs'::REGCLASS) AS blobs,
    (SELECT greatest(reltuples, 0)::BIGINT FROM pg_class WHERE oid = 'manifests'::REGCLASS) AS manifests,
    (SELECT greatest(reltuples, 0)::BIGINT FROM pg_class WHERE oid = 'tags'::REGCLASS) AS tags,
    (SELECT greatest(reltuples, 0)::BIGINT FROM pg_class WHERE oid = 'uploads'::REGCLASS) AS uploads
