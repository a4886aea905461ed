//! Metrics of PostgreSQL, Kubo and the disk as they were last measured. A job measures them, never a scrape.

use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use super::raised::Raised;
use crate::telemetry::recent;

const UP: &str = "registry_partner_up";
const KUBO_BYTES: &str = "registry_kubo_repository_bytes";
const KUBO_LIMIT: &str = "registry_kubo_repository_limit_bytes";
const KUBO_OBJECTS: &str = "registry_kubo_objects";
const KUBO_PINS: &str = "registry_kubo_pins";
const KUBO_PEERS: &str = "registry_kubo_peers";
const KUBO_BANDWIDTH: &str = "registry_kubo_bandwidth_bytes_total";
const DATABASE_BYTES: &str = "registry_postgres_database_bytes";
const LIVE_ROWS: &str = "registry_postgres_live_rows";
const DEAD_ROWS: &str = "registry_postgres_dead_rows";
const TABLE_ROWS: &str = "registry_postgres_table_rows";
const OLDEST_TRANSACTION: &str = "registry_postgres_oldest_transaction_seconds";
const CONNECTIONS: &str = "registry_postgres_connections";
const CONNECTION_LIMIT: &str = "registry_postgres_connections_limit";
const REPLICAS: &str = "registry_postgres_replicas";
const REPLICATION_LAG: &str = "registry_postgres_replication_lag_seconds";
const POOL_SIZE: &str = "registry_postgres_pool_size";
const POOL_IN_USE: &str = "registry_postgres_pool_in_use";
const POOL_WAITING: &str = "registry_postgres_pool_waiting";
pub(super) const POOL_WAIT: &str = "registry_postgres_pool_wait_duration_seconds";
const QUARANTINE: &str = "registry_blobs_in_quarantine";
const DISK_FREE: &str = "registry_data_dir_free_bytes";
const DISK_SIZE: &str = "registry_data_dir_size_bytes";

/// A server that the registry needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partner {
    /// The server of the database.
    Postgres,
    /// The node of IPFS.
    Kubo,
    /// The proxy of the IPFS Cluster that the node belongs to.
    Cluster,
}

/// Publishes whether a partner answered when it was last asked.
pub fn partner_up(partner: Partner, up: bool) {
    let name = match partner {
        Partner::Postgres => "postgres",
        Partner::Kubo => "kubo",
        Partner::Cluster => "cluster",
    };
    gauge!(UP, "partner" => name).set(f64::from(u8::from(up)));
}

/// Publishes the size of Kubo's repository, and its `StorageMax`.
pub fn kubo_repository(bytes: u64, limit: u64) {
    gauge!(KUBO_BYTES).set(bytes as f64);
    recent::kubo(bytes);
    gauge!(KUBO_LIMIT).set(limit as f64);
}

/// Publishes how many blocks Kubo stores.
pub fn kubo_objects(objects: u64) {
    gauge!(KUBO_OBJECTS).set(objects as f64);
}

/// Publishes how many CIDs are pinned recursively.
pub fn kubo_pins(pins: u64) {
    gauge!(KUBO_PINS).set(pins as f64);
}

/// Publishes with how many peers Kubo is connected.
pub fn kubo_peers(peers: u64) {
    gauge!(KUBO_PEERS).set(peers as f64);
}

/// Publishes what Kubo has exchanged with its peers since it started.
pub fn kubo_bandwidth(received: u64, sent: u64) {
    counter!(KUBO_BANDWIDTH, "direction" => "in").absolute(received);
    counter!(KUBO_BANDWIDTH, "direction" => "out").absolute(sent);
}

/// The state of the database.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs, reason = "the other fields are their names")]
pub struct DatabaseFigures {
    pub bytes: u64,
    pub live_rows: u64,
    pub dead_rows: u64,
    /// Age in seconds of the transaction that began first.
    pub oldest_transaction: f64,
    pub connections: u64,
    pub connection_limit: u64,
    pub replicas: u64,
    /// Seconds by which the replica that is furthest behind lags.
    pub replication_lag: f64,
    /// Tables, and how many rows PostgreSQL estimates that each has.
    pub tables: Vec<(&'static str, u64)>,
}

/// Publishes the state of the database.
pub fn database(figures: &DatabaseFigures) {
    gauge!(DATABASE_BYTES).set(figures.bytes as f64);
    recent::database(figures.bytes);
    gauge!(LIVE_ROWS).set(figures.live_rows as f64);
    gauge!(DEAD_ROWS).set(figures.dead_rows as f64);
    gauge!(OLDEST_TRANSACTION).set(figures.oldest_transaction);
    gauge!(CONNECTIONS).set(figures.connections as f64);
    gauge!(CONNECTION_LIMIT).set(figures.connection_limit as f64);
    gauge!(REPLICAS).set(figures.replicas as f64);
    gauge!(REPLICATION_LAG).set(figures.replication_lag);
    for (table, rows) in &figures.tables {
        gauge!(TABLE_ROWS, "table" => *table).set(*rows as f64);
    }
}

/// Publishes how many blobs are under quarantine.
pub fn in_quarantine(blobs: u64) {
    gauge!(QUARANTINE).set(blobs as f64);
}

/// Publishes the space on the disk of the data directory.
pub fn data_disk(free: u64, size: u64) {
    gauge!(DISK_FREE).set(free as f64);
    gauge!(DISK_SIZE).set(size as f64);
}

/// Publishes the most connections that the pool opens.
pub fn pool_size(size: u32) {
    gauge!(POOL_SIZE).set(f64::from(size));
    gauge!(POOL_IN_USE).increment(0.0);
    gauge!(POOL_WAITING).increment(0.0);
}

/// Counts a connection of the pool that is in use, until the value is dropped.
pub fn pool_in_use() -> Raised {
    Raised::new(gauge!(POOL_IN_USE))
}

/// Counts a caller that waits for a connection of the pool, until the value is dropped, and then notes how long it waited.
pub fn pool_waiting() -> PoolWait {
    PoolWait { _waiting: Raised::new(gauge!(POOL_WAITING)), began: std::time::Instant::now() }
}

/// A caller that waits for a connection of the pool.
#[derive(Debug)]
pub struct PoolWait {
    _waiting: Raised,
    began: std::time::Instant,
}

impl Drop for PoolWait {
    fn drop(&mut self) {
        histogram!(POOL_WAIT).record(self.began.elapsed());
    }
}

pub(super) fn describe() {
    describe_kubo();
    describe_postgres();
    describe_gauge!(
        UP,
        Unit::Count,
        "1 if PostgreSQL or Kubo answered when it was last asked, else 0"
    );
    describe_gauge!(
        QUARANTINE,
        Unit::Count,
        "Blobs whose stored bytes are lost or damaged; a push of the same blob repairs it"
    );
    describe_gauge!(
        DISK_FREE,
        Unit::Bytes,
        "Free space on the disk of the private PostgreSQL and Kubo"
    );
    describe_gauge!(DISK_SIZE, Unit::Bytes, "Size of the disk of the private PostgreSQL and Kubo");
}

fn describe_kubo() {
    describe_gauge!(KUBO_BYTES, Unit::Bytes, "Size of Kubo's repository");
    describe_gauge!(
        KUBO_LIMIT,
        Unit::Bytes,
        "Datastore.StorageMax of Kubo, from which on it may refuse or collect"
    );
    describe_gauge!(
        KUBO_OBJECTS,
        Unit::Count,
        "Blocks in Kubo's repository, counted by a slow job"
    );
    describe_gauge!(
        KUBO_PINS,
        Unit::Count,
        "CIDs that Kubo pins recursively, counted by a slow job"
    );
    describe_gauge!(KUBO_PEERS, Unit::Count, "Peers in Kubo's swarm; 0 for an offline node");
    describe_counter!(
        KUBO_BANDWIDTH,
        Unit::Bytes,
        "Bytes that Kubo exchanged with its peers since it started, by direction"
    );
}

fn describe_postgres() {
    describe_gauge!(DATABASE_BYTES, Unit::Bytes, "Size of the database on disk");
    describe_gauge!(LIVE_ROWS, Unit::Count, "Rows in all tables, as PostgreSQL estimates them");
    describe_gauge!(
        DEAD_ROWS,
        Unit::Count,
        "Rows that vacuum has still to remove, as PostgreSQL estimates them"
    );
    describe_gauge!(TABLE_ROWS, Unit::Count, "Rows of a table, as PostgreSQL estimates them");
    describe_gauge!(
        OLDEST_TRANSACTION,
        Unit::Seconds,
        "Age of the oldest open transaction in the database"
    );
    describe_gauge!(CONNECTIONS, Unit::Count, "Open connections to the database, of all programs");
    describe_gauge!(CONNECTION_LIMIT, Unit::Count, "max_connections of PostgreSQL");
    describe_gauge!(REPLICAS, Unit::Count, "Replicas that PostgreSQL streams to");
    describe_gauge!(
        REPLICATION_LAG,
        Unit::Seconds,
        "Time by which the replica that is furthest behind lags; 0 without replicas"
    );
    describe_gauge!(POOL_SIZE, Unit::Count, "Most connections in the pool of this process");
    describe_gauge!(POOL_IN_USE, Unit::Count, "Connections of the pool that are in use");
    describe_gauge!(POOL_WAITING, Unit::Count, "Callers that wait for a connection of the pool");
    describe_histogram!(
        POOL_WAIT,
        Unit::Seconds,
        "Time that callers waited for a connection of the pool"
    );
}
