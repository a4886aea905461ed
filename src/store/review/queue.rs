//! The queue itself: taking items, ending or postponing them, and counting them.

use std::time::Duration;

use tokio_postgres::{Error, Row};

use super::item::{ReviewItem, ReviewKind, columns};
use crate::oci::Digest;
use crate::rights::{Access, Action};
use crate::store::db::connection::Connection;
use crate::store::db::database::Database;
use crate::store::db::gate::Gate;
use crate::store::db::row::unsigned;
use crate::store::db::statements::Query;
use crate::store::error::StoreError;
use crate::store::jobs::backlog::COUNTED;

/// The queue of what may be needed no longer.
#[derive(Clone, Copy, Debug)]
pub struct Reviews<'s>(pub(crate) &'s Database);

/// The items of one kind that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReviewBacklog {
    /// What they stand for.
    pub kind: ReviewKind,
    /// Their number, at most 100 000.
    pub items: u64,
    /// The number of those that are due, at most 100 000.
    pub due: u64,
    /// Time for which the oldest has been due. `None` without any.
    pub oldest: Option<Duration>,
}

impl Reviews<'_> {
    /// Gives a blob of a repository a new window if it is in the queue and the caller may push there. Returns whether it
    /// did. A review that is under way ends before.
    pub async fn save(self, access: &Access, digest: &Digest) -> Result<bool, StoreError> {
        self.saved(Query::ReviewSave, access, digest).await
    }

    /// As [`save`](Self::save), for a manifest that a policy may remove.
    pub async fn save_manifest(self, access: &Access, digest: &Digest) -> Result<bool, StoreError> {
        self.saved(Query::ReviewSaveManifest, access, digest).await
    }

    async fn saved(
        self,
        query: Query,
        access: &Access,
        digest: &Digest,
    ) -> Result<bool, StoreError> {
        let digest = digest.as_str();
        let gate = Gate::new(access, Action::Push);
        let saved = self.0.repeating(|| async {
            let lease = self.0.lease().await?;
            lease.run(lease.count(query, &gate.params([&digest]))).await
        });
        Ok(saved.await? > 0)
    }

    /// Notes that the review of the item failed that comes next, and lets it wait: for a minute, or longer if attempts failed
    /// before; a day at most.
    pub async fn postpone_next(self, kind: ReviewKind, window: Duration) -> Result<(), StoreError> {
        let params = [&kind.name() as _, &window.as_secs_f64() as _];
        self.0.count(Query::ReviewPostponeNext, params).await.map(drop)
    }

    /// Counts the items of each kind.
    pub async fn backlog(self, window: Duration) -> Result<Vec<ReviewBacklog>, StoreError> {
        let rows = self.0.rows(Query::ReviewBacklog, [&window.as_secs_f64(), &COUNTED]).await?;
        rows.iter().map(ReviewBacklog::read).collect()
    }
}

impl ReviewBacklog {
    fn read(row: &Row) -> Result<Self, StoreError> {
        let oldest: Option<f64> = row.try_get("oldest")?;
        Ok(Self {
            kind: ReviewKind::parse(row.try_get("kind")?)?,
            items: unsigned(row, "items")?,
            due: unsigned(row, "due")?,
            oldest: oldest.map(|seconds| Duration::from_secs_f64(seconds.max(0.0))),
        })
    }
}

/// Locks and returns the items of a kind that are due, at most `limit`.
pub(super) async fn take(
    connection: &Connection,
    kind: ReviewKind,
    window: Duration,
    limit: u32,
) -> Result<Vec<Row>, Error> {
    let params = [&kind.name() as _, &window.as_secs_f64() as _, &i64::from(limit) as _];
    connection.rows(Query::ReviewTake, &params).await
}

/// Takes items out of the queue that are decided.
pub(super) async fn settle(
    connection: &Connection,
    kind: ReviewKind,
    items: &[ReviewItem],
) -> Result<u64, Error> {
    if items.is_empty() {
        return Ok(0);
    }
    let (repositories, items) = columns(items);
    connection.count(Query::ReviewSettle, &[&kind.name(), &repositories, &items]).await
}

/// Lets items wait, each for a time of its own.
pub(super) async fn postpone(
    connection: &Connection,
    kind: ReviewKind,
    window: Duration,
    items: &[(ReviewItem, Duration)],
) -> Result<u64, Error> {
    if items.is_empty() {
        return Ok(0);
    }
    let waits: Vec<f64> = items.iter().map(|(_, wait)| wait.as_secs_f64()).collect();
    let items: Vec<ReviewItem> = items.iter().map(|(item, _)| *item).collect();
    let (repositories, items) = columns(&items);
    let window = window.as_secs_f64();
    let params = [&kind.name() as _, &repositories as _, &items as _, &waits as _, &window as _];
    connection.count(Query::ReviewPostpone, &params).await
}
