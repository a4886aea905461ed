//! One step of a review: some items of one kind are taken, locked, looked at again, and removed or kept.

use std::time::Duration;

use tokio_postgres::{Error, Row};

use super::item::{ReviewItem, ReviewKind, columns};
use super::queue::{self, Reviews};
use crate::store::db::connection::Connection;
use crate::store::db::row::unsigned;
use crate::store::db::statements::Query;
use crate::store::error::StoreError;

/// How long an item waits that somebody else has locked. That is a transaction, so it is over soon.
pub(super) const BUSY: Duration = Duration::from_secs(1);

/// What one step did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reviewed {
    /// Items that were taken.
    pub items: u64,
    /// Items that were removed. The others are needed, or wait.
    pub removed: u64,
    /// Bytes of removed blobs and manifests.
    pub bytes: u64,
    /// Items that wait because somebody else has locked them.
    pub busy: u64,
    /// Items that wait because the policy says so.
    pub waiting: u64,
}

impl Reviews<'_> {
    /// Reviews at most `limit` links, manifests or blobs that have been quiet for `window`, in one transaction. Untagged
    /// manifests are judged by a policy instead: see [`Reviews::judge`].
    ///
    /// # Errors
    /// [`StoreError::Conflict`] and [`StoreError::Internal`] when one of the items cannot be removed. Nothing has changed.
    pub async fn step(
        self,
        kind: ReviewKind,
        window: Duration,
        limit: u32,
    ) -> Result<Reviewed, StoreError> {
        self.0.retrying(|| self.try_step(kind, window, limit)).await
    }

    async fn try_step(
        self,
        kind: ReviewKind,
        window: Duration,
        limit: u32,
    ) -> Result<Reviewed, StoreError> {
        let lease = self.0.lease().await?;
        let taken = lease.begin(queue::take(&lease, kind, window, limit)).await?;
        let taken = taken.iter().map(ReviewItem::read).collect::<Result<Vec<_>, _>>()?;
        if taken.is_empty() {
            lease.rollback().await?;
            return Ok(Reviewed::default());
        }
        let locks = Locks::read(&lease.within(lock(&lease, kind, &taken)).await?)?;
        let settled: Vec<ReviewItem> =
            taken.iter().filter(|item| !locks.busy.contains(item)).copied().collect();
        let busy: Vec<_> = locks.busy.iter().map(|item| (*item, BUSY)).collect();
        let last = async {
            let (removed, settled, postponed) = tokio::join!(
                biased;
                remove(&lease, kind, &locks.locked),
                queue::settle(&lease, kind, &settled),
                queue::postpone(&lease, kind, window, &busy),
            );
            let removed = removed?;
            settled?;
            postponed?;
            Ok(removed)
        };
        let removed = lease.commit(last).await?;
        Reviewed::of(taken.len(), &removed, busy.len())
    }
}

impl Reviewed {
    pub(super) fn of(taken: usize, removed: &[Row], busy: usize) -> Result<Self, StoreError> {
        let mut reviewed = Self { items: taken as u64, busy: busy as u64, ..Self::default() };
        if let Some(row) = removed.first() {
            reviewed.removed = unsigned(row, "removed")?;
            reviewed.bytes = unsigned(row, "bytes")?;
        }
        Ok(reviewed)
    }
}

/// The items that seem to be needed no longer.
#[derive(Default)]
pub(super) struct Locks {
    /// Their rows are locked.
    pub(super) locked: Vec<ReviewItem>,
    /// Somebody else has locked their rows.
    pub(super) busy: Vec<ReviewItem>,
}

impl Locks {
    pub(super) fn read(rows: &[Row]) -> Result<Self, StoreError> {
        let mut locks = Self::default();
        for row in rows {
            let side = if row.try_get("busy")? { &mut locks.busy } else { &mut locks.locked };
            side.push(ReviewItem::read(row)?);
        }
        Ok(locks)
    }
}

async fn lock(
    connection: &Connection,
    kind: ReviewKind,
    items: &[ReviewItem],
) -> Result<Vec<Row>, Error> {
    match kind {
        ReviewKind::Untagged => Ok(Vec::new()),
        ReviewKind::Link => lock_links(connection, items).await,
        ReviewKind::Manifest => lock_manifests(connection, items).await,
        ReviewKind::Blob => lock_blobs(connection, items).await,
    }
}

async fn remove(
    connection: &Connection,
    kind: ReviewKind,
    items: &[ReviewItem],
) -> Result<Vec<Row>, Error> {
    match kind {
        _ if items.is_empty() => Ok(Vec::new()),
        ReviewKind::Untagged => Ok(Vec::new()),
        ReviewKind::Link => remove_links(connection, items).await,
        ReviewKind::Manifest => remove_manifests(connection, items).await,
        ReviewKind::Blob => remove_blobs(connection, items).await,
    }
}

async fn lock_links(connection: &Connection, items: &[ReviewItem]) -> Result<Vec<Row>, Error> {
    let (repositories, blobs) = columns(items);
    connection.rows(Query::ReviewLockLinks, &[&repositories, &blobs]).await
}

async fn remove_links(connection: &Connection, items: &[ReviewItem]) -> Result<Vec<Row>, Error> {
    let (repositories, blobs) = columns(items);
    connection.rows(Query::ReviewRemoveLinks, &[&repositories, &blobs]).await
}

async fn lock_manifests(connection: &Connection, items: &[ReviewItem]) -> Result<Vec<Row>, Error> {
    connection.rows(Query::ReviewLockManifests, &[&columns(items).1]).await
}

async fn remove_manifests(
    connection: &Connection,
    items: &[ReviewItem],
) -> Result<Vec<Row>, Error> {
    connection.rows(Query::ReviewRemoveManifests, &[&columns(items).1]).await
}

async fn lock_blobs(connection: &Connection, items: &[ReviewItem]) -> Result<Vec<Row>, Error> {
    connection.rows(Query::ReviewLockBlobs, &[&columns(items).1]).await
}

async fn remove_blobs(connection: &Connection, items: &[ReviewItem]) -> Result<Vec<Row>, Error> {
    connection.rows(Query::ReviewRemoveBlobs, &[&columns(items).1]).await
}
