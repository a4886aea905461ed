//! Upload sessions and the parts that they hold.

use std::time::Duration;

use tokio_postgres::{Error, Row};
use uuid::Uuid;

use crate::ipld::Cid;
use crate::oci::{Algorithm, RepositoryName};
use crate::store::content::repository;
use crate::store::db::connection::Connection;
use crate::store::db::database::Database;
use crate::store::db::lease::Lease;
use crate::store::db::row::{parsed, unsigned};
use crate::store::db::statements::Query;
use crate::store::error::StoreError;
use crate::store::jobs::backlog::{Backlog, COUNTED};

/// Most sessions that one call of [`Uploads::expire`] ends.
const EXPIRED_AT_ONCE: i64 = 100;

/// The upload sessions of all repositories.
#[derive(Clone, Copy, Debug)]
pub struct Uploads<'s>(pub(crate) &'s Database);

/// A piece of an upload that Kubo holds and pins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Position of its first byte in the blob.
    pub offset: u64,
    /// Length in bytes.
    pub size: u64,
    /// CID under which Kubo stores the bytes.
    pub cid: Cid,
}

/// An upload session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the other fields are their names")]
pub struct Upload {
    pub id: Uuid,
    /// Number of bytes that are durable; the next chunk begins there.
    pub received: u64,
    /// Algorithm that the client announced.
    pub algorithm: Option<Algorithm>,
    /// Parts by offset. A part may begin below the end of the part before it, and then holds those bytes again.
    pub parts: Vec<Part>,
}

impl Uploads<'_> {
    /// Opens a session and returns its id.
    pub async fn start(
        self,
        repository: &RepositoryName,
        subject: &str,
        algorithm: Option<Algorithm>,
    ) -> Result<Uuid, StoreError> {
        let repository = repository.as_str();
        let algorithm = algorithm.map(Algorithm::as_str);
        // A session of an attempt whose answer was lost has an id that nobody knows, and expires.
        let started = self.0.repeating(|| async {
            let id = Uuid::new_v4();
            let lease = self.0.lease().await?;
            let start = async {
                let (ensured, started) = tokio::join!(
                    biased;
                    repository::ensure(&lease, repository),
                    start(&lease, id, repository, subject, algorithm),
                );
                ensured?;
                started
            };
            lease.run(start).await?;
            Ok(id)
        });
        started.await
    }

    /// Finds the session of a subject in a repository.
    pub async fn get(
        self,
        repository: &RepositoryName,
        id: Uuid,
        subject: &str,
    ) -> Result<Option<Upload>, StoreError> {
        let repository = repository.as_str();
        let rows = self.0.rows(Query::UploadGet, [&repository, &id, &subject]).await?;
        let Some(first) = rows.first() else { return Ok(None) };
        let algorithm = match first.try_get::<_, Option<&str>>("algorithm")? {
            Some(_) => Some(parsed(first, "algorithm")?),
            None => None,
        };
        let received = unsigned(first, "received")?;
        let parts =
            rows.iter().filter_map(|row| part(row).transpose()).collect::<Result<_, _>>()?;
        Ok(Some(Upload { id, received, algorithm, parts }))
    }

    /// Ends a session and queues its parts for unpinning. Returns whether there was one.
    pub async fn cancel(
        self,
        repository: &RepositoryName,
        id: Uuid,
        subject: &str,
    ) -> Result<bool, StoreError> {
        let repository = repository.as_str();
        let cancelled = self.0.retrying(|| async {
            let lease = self.0.lease().await?;
            let locked = lease.begin(lock_own(&lease, repository, id, subject)).await?;
            discard_locked(lease, &locked).await
        });
        Ok(cancelled.await? > 0)
    }

    /// Ends the sessions that have been idle for `idle`, the oldest first, and queues their parts for unpinning. Ends
    /// at most a hundred in one call and returns their number.
    pub async fn expire(self, idle: Duration) -> Result<u64, StoreError> {
        let idle = idle.as_secs_f64();
        self.0
            .retrying(|| async {
                let lease = self.0.lease().await?;
                let locked = lease.begin(lock_idle(&lease, idle)).await?;
                discard_locked(lease, &locked).await
            })
            .await
    }

    /// Counts the sessions that nobody touched for `idle`.
    pub async fn backlog(self, idle: Duration) -> Result<Backlog, StoreError> {
        let rows = self.0.rows(Query::UploadBacklog, [&idle.as_secs_f64(), &COUNTED]).await?;
        Backlog::read(&rows)
    }
}

/// Ends the sessions that a transaction has locked, and the transaction. Returns their number.
pub(crate) async fn discard_locked(lease: Lease, locked: &[Row]) -> Result<u64, StoreError> {
    let ids = locked.iter().map(|row| row.try_get("id")).collect::<Result<Vec<Uuid>, _>>()?;
    if ids.is_empty() {
        lease.rollback().await?;
        return Ok(0);
    }
    let discarded = lease.commit(discard(&lease, &ids)).await?;
    discarded.map_or(Ok(0), |row| unsigned(&row, "ended"))
}

async fn start(
    connection: &Connection,
    id: Uuid,
    repository: &str,
    subject: &str,
    algorithm: Option<&str>,
) -> Result<u64, Error> {
    connection.count(Query::UploadStart, &[&id, &repository, &subject, &algorithm]).await
}

async fn discard(connection: &Connection, ids: &[Uuid]) -> Result<Option<Row>, Error> {
    connection.row(Query::UploadDiscard, &[&ids]).await
}

pub(super) async fn lock(connection: &Connection, id: Option<Uuid>) -> Result<Option<Row>, Error> {
    connection.row(Query::UploadLock, &[&id]).await
}

async fn lock_own(
    connection: &Connection,
    repository: &str,
    id: Uuid,
    subject: &str,
) -> Result<Vec<Row>, Error> {
    connection.rows(Query::UploadLockOwn, &[&repository, &id, &subject]).await
}

async fn lock_idle(connection: &Connection, idle: f64) -> Result<Vec<Row>, Error> {
    connection.rows(Query::UploadLockIdle, &[&idle, &EXPIRED_AT_ONCE]).await
}

/// The row that [`record_part`] writes.
pub(super) struct NewPart<'a> {
    pub(super) upload: Uuid,
    pub(super) expected: i64,
    pub(super) offset: i64,
    pub(super) size: i64,
    pub(super) cid: &'a str,
    /// Whether the CID is in the queue for unpinning.
    pub(super) queued: bool,
}

/// Adds a part to an upload. Returns no row when the upload does not have the expected length. Runs after [`lock`].
pub(super) async fn record_part(
    connection: &Connection,
    new: &NewPart<'_>,
) -> Result<Option<Row>, Error> {
    let NewPart { upload, expected, offset, size, cid, queued } = new;
    connection.row(Query::UploadRecordPart, &[upload, expected, offset, size, cid, queued]).await
}

/// The part in a row of `upload/get`. Its outer join returns one row without a part for a session without parts.
fn part(row: &Row) -> Result<Option<Part>, StoreError> {
    if row.try_get::<_, Option<i64>>("part_offset")?.is_none() {
        return Ok(None);
    }
    let (offset, size) = (unsigned(row, "part_offset")?, unsigned(row, "size")?);
    Ok(Some(Part { offset, size, cid: parsed(row, "ipfs_cid")? }))
}
