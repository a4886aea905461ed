//! A look at the server, its settings and the rows, on a connection of its own. Changes nothing, and works with the schema
//! of any version.

use std::fmt;
use std::time::{Duration, Instant, SystemTime};

use tokio_postgres::Row;

use super::db::connection::Link;
use super::db::migrate;
use super::db::row::parsed;
use super::db::settings::{Purpose, Settings};
use super::error::StoreError;
use crate::ipld::Cid;
use crate::oci::Digest;

/// Facts about the server. What another role does is hidden from a role that is no member of pg_monitor.
const SERVER: &str = "
    SELECT current_setting('server_version') AS version,
        current_setting('server_version_num')::INT AS number,
        current_setting('fsync')::BOOL AS fsync,
        current_setting('full_page_writes')::BOOL AS full_page_writes,
        current_setting('synchronous_commit') <> 'off' AS synchronous,
        current_setting('autovacuum')::BOOL AS autovacuum,
        current_setting('server_encoding') AS encoding,
        current_setting('session_replication_role') <> 'origin' AS unchecked,
        current_setting('max_connections')::BIGINT
            - current_setting('superuser_reserved_connections')::BIGINT
            - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS free_connections,
        (SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()
              AND application_name = current_setting('application_name')) AS own_connections,
        (SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::FLOAT8 FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()) AS oldest_transaction,
        (SELECT datcollversion IS DISTINCT FROM pg_database_collation_actual_version(oid)
            FROM pg_database WHERE datname = current_database()) AS collation_changed,
        pg_database_size(current_database()) AS bytes,
        (SELECT coalesce(max(extract(epoch FROM replay_lag)), 0)::FLOAT8 FROM pg_stat_replication) AS replication_lag";

/// Jobs that fail again and again, or that nobody has run for an hour after they were due.
const JOBS: &str = "
    SELECT name, failures, last_error FROM jobs
    WHERE failures >= 3
       OR (next_run_at < now() - INTERVAL '1 hour' AND (leased_until IS NULL OR leased_until < now()))
    ORDER BY name";

/// Some blobs that are not under quarantine, from a random place on.
const SAMPLE: &str = "
    SELECT digest, ipfs_cid FROM blobs
    WHERE quarantined_at IS NULL AND id >= (SELECT floor(random() * max(id))::BIGINT FROM blobs)
    ORDER BY id LIMIT $1";

/// Something that is wrong with rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowFault {
    /// A tag names a manifest that its repository does not hold.
    TagWithoutManifest,
    /// A manifest needs a blob that its repository does not hold.
    ManifestWithoutBlob,
    /// One of the newest thousand manifests has bytes that do not match its digest.
    ManifestDamaged,
    /// A part of an upload lies beyond the bytes that the upload has received.
    PartBeyondUpload,
    /// A blob that a manifest needs is under quarantine.
    NeededInQuarantine,
    /// A blob that no manifest needs is under quarantine.
    OtherInQuarantine,
    /// The last comparison of pins with rows found pins that were lost.
    PinLost,
    /// A CID has waited a day to be unpinned.
    UnpinOverdue,
    /// An upload has been idle for a day longer than it may be.
    UploadOverdue,
    /// The certificate could not be ordered at the last attempt.
    CertificateNotOrdered,
}

/// The statement that counts each kind. $1 is the idle time of uploads in seconds.
const FAULTS: [(RowFault, &str); 10] = [
    (
        RowFault::TagWithoutManifest,
        "SELECT count(*) FROM tags t WHERE NOT EXISTS (
            SELECT FROM repository_manifests rm JOIN manifests m ON m.id = rm.manifest_id
            WHERE rm.repository_id = t.repository_id AND rm.manifest_id = t.manifest_id
              AND m.digest = t.manifest_digest)",
    ),
    (
        RowFault::ManifestWithoutBlob,
        "SELECT count(*) FROM manifest_blobs mb WHERE NOT EXISTS (
            SELECT FROM repository_blobs rb
            WHERE rb.repository_id = mb.repository_id AND rb.blob_id = mb.blob_id)",
    ),
    (
        RowFault::ManifestDamaged,
        "SELECT count(*) FROM (
            SELECT digest, raw FROM manifests WHERE digest LIKE 'sha256:%' ORDER BY id DESC LIMIT 1000
        ) newest WHERE digest <> 'sha256:' || encode(sha256(raw), 'hex')",
    ),
    (
        RowFault::PartBeyondUpload,
        "SELECT count(*) FROM upload_parts p JOIN uploads u ON u.id = p.upload_id
         WHERE p.part_offset + p.size > u.received",
    ),
    (
        RowFault::NeededInQuarantine,
        "SELECT count(*) FROM blobs b WHERE quarantined_at IS NOT NULL
           AND EXISTS (SELECT FROM manifest_blobs mb WHERE mb.blob_id = b.id)",
    ),
    (
        RowFault::OtherInQuarantine,
        "SELECT count(*) FROM blobs b WHERE quarantined_at IS NOT NULL
           AND NOT EXISTS (SELECT FROM manifest_blobs mb WHERE mb.blob_id = b.id)",
    ),
    (RowFault::PinLost, "SELECT lost_pins FROM collection"),
    (
        RowFault::UnpinOverdue,
        "SELECT count(*) FROM unpins WHERE done_at IS NULL AND requested_at < now() - INTERVAL '1 day'
           AND next_try_at < now()",
    ),
    (
        RowFault::UploadOverdue,
        "SELECT count(*) FROM uploads WHERE touched_at < now() - make_interval(secs => $1) - INTERVAL '1 day'",
    ),
    (RowFault::CertificateNotOrdered, "SELECT count(*) FROM certificates WHERE failures > 0"),
];

/// What is known about the server.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the other fields are their names")]
pub struct ServerFacts {
    pub version: String,
    /// The version as a number, such as 150004.
    pub number: i32,
    pub fsync: bool,
    pub full_page_writes: bool,
    /// Whether a commit waits until it is on disk.
    pub synchronous: bool,
    pub autovacuum: bool,
    pub encoding: String,
    /// Whether foreign keys are not checked.
    pub unchecked: bool,
    /// Connections that an ordinary role can still open.
    pub free_connections: i64,
    /// Other connections of this program to this database.
    pub own_connections: i64,
    pub oldest_transaction: Duration,
    /// Whether the rules of sorting have changed since the database was made.
    pub collation_changed: bool,
    pub bytes: i64,
    pub replication_lag: Duration,
    /// How far the clock of the server is ahead of this machine's, in seconds.
    pub clock_ahead: f64,
    /// Version of the schema, and of the schema that this program makes.
    pub schema: (i32, i32),
}

/// A job that needs attention.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the fields are their names")]
pub struct LateJob {
    pub name: String,
    pub failures: i32,
    pub last_error: Option<String>,
}

/// A connection for looking.
pub struct Checkup(Link);

impl fmt::Debug for Checkup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checkup").finish_non_exhaustive()
    }
}

impl Checkup {
    /// Connects, with limits that keep a look from disturbing a server.
    pub async fn open(settings: &Settings) -> Result<Self, StoreError> {
        let link = Link::open(settings, Purpose::Migrate).await?;
        let careful = "SET default_transaction_read_only = on; SET statement_timeout = '60s'; SET lock_timeout = '1s'";
        link.client().batch_execute(careful).await?;
        Ok(Self(link))
    }

    /// Asks for the facts about the server.
    pub async fn server(&self) -> Result<ServerFacts, StoreError> {
        let (began, before) = (Instant::now(), SystemTime::now());
        let clock = self.0.client().query_one("SELECT clock_timestamp()", &[]).await?;
        let here = before + began.elapsed() / 2;
        let row = self.0.client().query_one(SERVER, &[]).await?;
        let schema = migrate::version(self.0.client()).await?;
        facts(&row, ahead(clock.try_get(0)?, here), (schema, migrate::newest()))
    }

    /// Counts the faults of rows, without those of which there is none. The tables must have the schema of this program.
    pub async fn rows(&self, upload_idle: Duration) -> Result<Vec<(RowFault, i64)>, StoreError> {
        let mut found = Vec::new();
        for (fault, sql) in FAULTS {
            let idle = upload_idle.as_secs_f64();
            let row = match sql.contains("$1") {
                true => self.0.client().query_one(sql, &[&idle]).await?,
                false => self.0.client().query_one(sql, &[]).await?,
            };
            let count: i64 = row.try_get(0)?;
            if count > 0 {
                found.push((fault, count));
            }
        }
        Ok(found)
    }

    /// The jobs that fail again and again, or that nobody runs.
    pub async fn jobs(&self) -> Result<Vec<LateJob>, StoreError> {
        let rows = self.0.client().query(JOBS, &[]).await?;
        let job = |row: &Row| {
            Ok(LateJob {
                name: row.try_get("name")?,
                failures: row.try_get("failures")?,
                last_error: row.try_get("last_error")?,
            })
        };
        rows.iter().map(job).collect()
    }

    /// Some blobs that should be in Kubo.
    pub async fn sample(&self, count: u32) -> Result<Vec<(Digest, Cid)>, StoreError> {
        let rows = self.0.client().query(SAMPLE, &[&i64::from(count)]).await?;
        rows.iter().map(|row| Ok((parsed(row, "digest")?, parsed(row, "ipfs_cid")?))).collect()
    }
}

/// By how many seconds `there` is ahead of `here`.
fn ahead(there: SystemTime, here: SystemTime) -> f64 {
    match there.duration_since(here) {
        Ok(ahead) => ahead.as_secs_f64(),
        Err(behind) => -behind.duration().as_secs_f64(),
    }
}

fn facts(row: &Row, clock_ahead: f64, schema: (i32, i32)) -> Result<ServerFacts, StoreError> {
    let seconds = |name: &str| -> Result<Duration, StoreError> {
        Ok(Duration::from_secs_f64(row.try_get::<_, f64>(name)?.max(0.0)))
    };
    Ok(ServerFacts {
        version: row.try_get("version")?,
        number: row.try_get("number")?,
        fsync: row.try_get("fsync")?,
        full_page_writes: row.try_get("full_page_writes")?,
        synchronous: row.try_get("synchronous")?,
        autovacuum: row.try_get("autovacuum")?,
        encoding: row.try_get("encoding")?,
        unchecked: row.try_get("unchecked")?,
        free_connections: row.try_get("free_connections")?,
        own_connections: row.try_get("own_connections")?,
        oldest_transaction: seconds("oldest_transaction")?,
        collation_changed: row.try_get("collation_changed")?,
        bytes: row.try_get("bytes")?,
        replication_lag: seconds("replication_lag")?,
        clock_ahead,
        schema,
    })
}
