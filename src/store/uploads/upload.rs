//! Upload sessions and the parts they hold.

use std::time::Duration;

use tokio_postgres::Row;
use uuid::Uuid;

use crate::ipld::Cid;
use crate::oci::{Algorithm, RepositoryName};
use crate::store::db::pool::Lease;
use crate::store::db::retry::{bounded, retrying};
use crate::store::db::row::{parsed, unsigned};
use crate::store::db::statements::Query;
use crate::store::{Store, StoreError};

/// Sessions that one call of [`Store::expire_uploads`] ends at most.
const EXPIRED_AT_ONCE: i64 = 100;

/// A piece of an upload that Kubo holds and pins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where it begins in the blob.
    pub offset: u64,
    /// How many bytes it is.
    pub size: u64,
    /// Where they are.
    pub cid: Cid,
}

/// An upload session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Its id.
    pub id: Uuid,
    /// Bytes that are durable: where the next chunk begins.
    pub received: u64,
    /// The algorithm that the client announced.
    pub algorithm: Option<Algorithm>,
    /// Its parts by offset. A part may begin below the end of the one before it, and then holds those bytes again.
    pub parts: Vec<Part>,
}

impl Store {
    /// Opens a session.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn start_upload(
        &self,
        repository: &RepositoryName,
        subject: &str,
        algorithm: Option<Algorithm>,
    ) -> Result<Uuid, StoreError> {
        let id = Uuid::new_v4();
        let repository = repository.as_str();
        let algorithm = algorithm.map(Algorithm::as_str);
        bounded(async {
            let lease = self.pool().lease().await?;
            let (ensured, started) = tokio::join!(
                biased;
                lease.row(Query::RepositoryEnsure, [&repository]),
                lease.count(Query::UploadStart, [&id, &repository, &subject, &algorithm]),
            );
            ensured?;
            started?;
            lease.release();
            Ok(id)
        })
        .await
    }

    /// Finds a session of a repository and a subject.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open_upload(
        &self,
        repository: &RepositoryName,
        id: Uuid,
        subject: &str,
    ) -> Result<Option<Upload>, StoreError> {
        let repository = repository.as_str();
        let rows =
            bounded(self.pool().rows(Query::UploadOpen, [&repository, &id, &subject])).await?;
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

    /// Ends a session and queues its parts for unpinning. Answers whether there was one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn cancel_upload(
        &self,
        repository: &RepositoryName,
        id: Uuid,
        subject: &str,
    ) -> Result<bool, StoreError> {
        let repository = repository.as_str();
        retrying(|| async {
            let lease = self.pool().lease().await?;
            let (begun, locked) = tokio::join!(
                biased;
                lease.begin(),
                lease.rows(Query::UploadLockOwn, [&repository, &id, &subject]),
            );
            begun?;
            Ok(discard(lease, &locked?).await? > 0)
        })
        .await
    }

    /// Ends sessions that nobody touched for `idle`, the oldest first, and queues their parts for unpinning. Answers
    /// how many; at most a hundred in one call.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn expire_uploads(&self, idle: Duration) -> Result<u64, StoreError> {
        let idle = idle.as_secs_f64();
        retrying(|| async {
            let lease = self.pool().lease().await?;
            let (begun, locked) = tokio::join!(
                biased;
                lease.begin(),
                lease.rows(Query::UploadLockIdle, [&idle, &EXPIRED_AT_ONCE]),
            );
            begun?;
            discard(lease, &locked?).await
        })
        .await
    }
}

/// Ends the sessions that this transaction has locked, and the transaction.
pub(crate) async fn discard(lease: Lease, locked: &[Row]) -> Result<u64, StoreError> {
    let ids = locked.iter().map(|row| row.try_get("id")).collect::<Result<Vec<Uuid>, _>>()?;
    if ids.is_empty() {
        lease.rollback().await?;
        lease.release();
        return Ok(0);
    }
    let (discarded, committed) = tokio::join!(
        biased;
        lease.row(Query::UploadDiscard, [&ids]),
        lease.commit(),
    );
    let ended = discarded?.map_or(Ok(0), |row| unsigned(&row, "ended"))?;
    committed?;
    lease.release();
    Ok(ended)
}

/// The part in a row of `upload/open`, whose outer join gives one row even to a session without any.
fn part(row: &Row) -> Result<Option<Part>, StoreError> {
    if row.try_get::<_, Option<i64>>("part_offset")?.is_none() {
        return Ok(None);
    }
    let (offset, size) = (unsigned(row, "part_offset")?, unsigned(row, "size")?);
    Ok(Some(Part { offset, size, cid: parsed(row, "ipfs_cid")? }))
}
