//! The queue of CIDs that may have lost their last user: the side of the pin protocol that drops a pin. The rules are
//! in [`pin`](super::pin).

use std::time::Duration;

use uuid::Uuid;

use crate::ipld::Cid;
use crate::store::db::database::Database;
use crate::store::db::row::parsed;
use crate::store::db::statements::Query;
use crate::store::error::StoreError;
use crate::store::jobs::backlog::{Backlog, COUNTED};

/// Most tombstones that one call of [`Unpins::forget`] removes.
const FORGOTTEN_AT_ONCE: i64 = 1000;

/// The queue of CIDs to unpin.
#[derive(Clone, Copy, Debug)]
pub struct Unpins<'s>(pub(crate) &'s Database);

/// CIDs of the queue that one caller works on. No row comes to name one of them that is not named before the claim ends,
/// which it does after [`Unpins::CLAIM`].
#[derive(Debug)]
#[must_use]
pub struct Queued {
    claim: Uuid,
    /// The CIDs, those that have waited longest first.
    pub cids: Vec<QueuedCid>,
}

/// A CID of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueuedCid {
    /// The CID to unpin, or to keep if a row names it.
    pub cid: Cid,
    /// Whether a row names the CID, so that it must stay pinned.
    pub named: bool,
    /// Whether an earlier call that got no answer may still drop the pin.
    pub doubtful: bool,
    requests: i64,
}

impl Unpins<'_> {
    /// How long a claim of the queue lasts.
    pub const CLAIM: Duration = Duration::from_secs(60);

    /// Most CIDs of one claim.
    pub const BATCH: usize = 100;

    /// Claims up to [`Unpins::BATCH`] CIDs of the queue whose next attempt is due.
    pub async fn claim(self) -> Result<Queued, StoreError> {
        let (claim, seconds) = (Uuid::new_v4(), Self::CLAIM.as_secs_f64());
        let rows = self.0.returning(Query::UnpinClaim, [&claim, &seconds]).await?;
        let mut cids = Vec::with_capacity(rows.len());
        for row in &rows {
            cids.push(QueuedCid {
                cid: parsed(row, "ipfs_cid")?,
                named: row.try_get("named")?,
                doubtful: row.try_get("doubtful")?,
                requests: row.try_get("requests")?,
            });
        }
        Ok(Queued { claim, cids })
    }

    /// Notes that the pins of these CIDs are gone.
    pub async fn done(self, queued: &Queued, cids: &[QueuedCid]) -> Result<(), StoreError> {
        let (cids, requests) = columns(cids);
        self.0.count(Query::UnpinDone, [&queued.claim, &cids, &requests]).await.map(drop)
    }

    /// Takes CIDs that a row names out of the queue.
    pub async fn keep(self, queued: &Queued, cids: &[QueuedCid]) -> Result<(), StoreError> {
        let (cids, requests) = columns(cids);
        self.0.count(Query::UnpinKeep, [&queued.claim, &cids, &requests]).await.map(drop)
    }

    /// Leaves CIDs in the queue that a row names and that are pinned, since an earlier call may still drop their pins.
    pub async fn await_doubt(self, queued: &Queued, cids: &[QueuedCid]) -> Result<(), StoreError> {
        let (cids, _) = columns(cids);
        self.0.count(Query::UnpinAwaitDoubt, [&queued.claim, &cids]).await.map(drop)
    }

    /// Notes that CIDs could not be dealt with. Their next attempt is due after a minute, or later if attempts failed
    /// before; an hour at most. `doubt` is the time in which Kubo may still carry out a call that got no answer.
    pub async fn postpone(
        self,
        queued: &Queued,
        cids: &[QueuedCid],
        doubt: Duration,
    ) -> Result<(), StoreError> {
        let (cids, _) = columns(cids);
        let seconds = doubt.as_secs_f64();
        self.0.count(Query::UnpinPostpone, [&queued.claim, &cids, &seconds]).await.map(drop)
    }

    /// Queues CIDs that are pinned although no row names them. They are due in an hour.
    pub async fn adopt(self, cids: &[Cid]) -> Result<u64, StoreError> {
        let cids: Vec<String> = cids.iter().map(Cid::to_string).collect();
        self.0.count(Query::UnpinAdopt, [&cids]).await
    }

    /// CIDs that a row names and whose pin an earlier call may still drop, up to a thousand.
    pub async fn doubtful(self) -> Result<Vec<Cid>, StoreError> {
        let rows = self.0.rows(Query::UnpinDoubtful, []).await?;
        rows.iter().map(|row| parsed(row, "ipfs_cid")).collect()
    }

    /// Counts the CIDs that are to be unpinned.
    pub async fn backlog(self) -> Result<Backlog, StoreError> {
        let rows = self.0.rows(Query::UnpinBacklog, [&COUNTED]).await?;
        Backlog::read(&rows)
    }

    /// Removes tombstones that are older than two days. No upload of the previous version can have waited that long between
    /// Kubo's answer and its claim. Removes at most a thousand in one call and returns their number.
    pub async fn forget(self) -> Result<u64, StoreError> {
        self.0.count(Query::UnpinForget, [&FORGOTTEN_AT_ONCE]).await
    }
}

fn columns(cids: &[QueuedCid]) -> (Vec<String>, Vec<i64>) {
    cids.iter().map(|queued| (queued.cid.to_string(), queued.requests)).unzip()
}
