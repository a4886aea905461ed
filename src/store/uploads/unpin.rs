//! The queue of CIDs that may have lost their last user: the side of the pin protocol that drops a pin. The rules are
//! in [`pin`](super::pin).

use tokio_postgres::{Error, Row};

use crate::ipld::Cid;
use crate::store::db::connection::Connection;
use crate::store::db::database::Database;
use crate::store::db::lease::Lease;
use crate::store::db::row::parsed;
use crate::store::db::statements::Query;
use crate::store::error::StoreError;
use crate::store::jobs::backlog::{Backlog, COUNTED};

/// Most tombstones that one call of [`Unpins::forget`] removes.
const FORGOTTEN_AT_ONCE: i64 = 1000;

/// The queue of CIDs to unpin.
#[derive(Clone, Copy, Debug)]
pub struct Unpins<'s>(pub(crate) &'s Database);

/// A CID that no row names, and that no row can begin to name while this value lives. Unpin it in Kubo, then call
/// [`UnpinClaim::done`]. If it is dropped, the CID stays in the queue.
#[derive(Debug)]
#[must_use]
pub struct UnpinClaim {
    lease: Lease,
    cid: String,
}

impl Unpins<'_> {
    /// The CIDs of the queue whose next attempt is due, those that have waited longest first.
    pub async fn due(self, limit: u32) -> Result<Vec<Cid>, StoreError> {
        let rows = self.0.rows(Query::UnpinDue, [&i64::from(limit)]).await?;
        rows.iter().map(|row| parsed(row, "ipfs_cid")).collect()
    }

    /// Claims a CID of the queue for unpinning. `None` when it is unpinned already, or when a row names it; in the
    /// second case it leaves the queue.
    pub async fn claim(self, cid: &Cid) -> Result<Option<UnpinClaim>, StoreError> {
        let cid = cid.to_string();
        let begun = self.0.retrying(|| async {
            let lease = self.0.lease().await?;
            let first = async {
                let (locked, needless) =
                    tokio::join!(biased; lock(&lease, &cid), needless(&lease, &cid));
                locked?;
                needless
            };
            let needed = lease.begin(first).await?.is_some();
            Ok((lease, needed))
        });
        let (lease, needed) = begun.await?;
        if needed {
            return Ok(Some(UnpinClaim { lease, cid }));
        }
        let last = async {
            let (held, kept) = tokio::join!(biased; hold(&lease, &cid), keep(&lease, &cid));
            held?;
            kept
        };
        lease.commit(last).await?;
        Ok(None)
    }

    /// Notes that a CID could not be unpinned. Its next attempt is due after a minute, or later if attempts failed
    /// before; an hour at most.
    pub async fn postpone(self, cid: &Cid) -> Result<(), StoreError> {
        self.0.count(Query::UnpinPostpone, [&cid.to_string()]).await.map(drop)
    }

    /// Counts the CIDs that are to be unpinned.
    pub async fn backlog(self) -> Result<Backlog, StoreError> {
        let rows = self.0.rows(Query::UnpinBacklog, [&COUNTED]).await?;
        Backlog::read(&rows)
    }

    /// Removes tombstones that are older than two days. No upload can have waited that long between Kubo's answer and
    /// its claim. Removes at most a thousand in one call and returns their number.
    pub async fn forget(self) -> Result<u64, StoreError> {
        self.0.count(Query::UnpinForget, [&FORGOTTEN_AT_ONCE]).await
    }
}

impl UnpinClaim {
    /// Notes that the pin is gone. After an error the CID stays in the queue and is unpinned once more.
    pub async fn done(self) -> Result<(), StoreError> {
        let lease = self.lease.renewed();
        lease.commit(done(&lease, &self.cid)).await.map(drop)
    }
}

async fn done(connection: &Connection, cid: &str) -> Result<u64, Error> {
    connection.count(Query::UnpinDone, &[&cid]).await
}

pub(super) async fn enqueue(connection: &Connection, cids: &[&str]) -> Result<u64, Error> {
    connection.count(Query::UnpinEnqueue, &[&cids]).await
}

/// Waits until other claims of the CID have ended. Later claims wait until this transaction ends.
pub(super) async fn lock(connection: &Connection, cid: &str) -> Result<Option<Row>, Error> {
    connection.row(Query::UnpinLock, &[&cid]).await
}

pub(super) async fn queued(connection: &Connection, cid: &str) -> Result<Option<Row>, Error> {
    connection.row(Query::UnpinQueued, &[&cid]).await
}

/// Takes the CID out of the queue if a row names it.
pub(super) async fn keep(connection: &Connection, cid: &str) -> Result<u64, Error> {
    connection.count(Query::UnpinKeep, &[&cid]).await
}

async fn hold(connection: &Connection, cid: &str) -> Result<Option<Row>, Error> {
    connection.row(Query::UnpinHold, &[&cid]).await
}

async fn needless(connection: &Connection, cid: &str) -> Result<Option<Row>, Error> {
    connection.row(Query::UnpinNeedless, &[&cid]).await
}
