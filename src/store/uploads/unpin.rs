//! The queue of CIDs that may have lost their last user: the side of the pin protocol that drops a pin. The rules stand
//! in [`crate::store::uploads::pin`].

use crate::ipld::Cid;
use crate::store::db::pool::Lease;
use crate::store::db::retry::bounded;
use crate::store::db::row::parsed;
use crate::store::db::statements::Query;
use crate::store::{Store, StoreError};

/// Tombstones that one call of [`Store::forget_unpins`] removes at most.
const FORGOTTEN_AT_ONCE: i64 = 1000;

/// A CID that nothing names, and that nothing can begin to name while this value lives. Unpin it in Kubo, then call
/// [`UnpinClaim::done`]. Dropped, it leaves the CID in the queue.
#[derive(Debug)]
#[must_use]
pub struct UnpinClaim {
    lease: Lease,
    cid: String,
}

impl Store {
    /// The oldest CIDs of the queue.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn due_unpins(&self, limit: u32) -> Result<Vec<Cid>, StoreError> {
        let limit = i64::from(limit);
        let rows = bounded(self.pool().rows(Query::UnpinDue, [&limit])).await?;
        rows.iter().map(|row| parsed(row, "ipfs_cid")).collect()
    }

    /// Claims a CID of the queue for unpinning. `None` when something names it, which takes it out of the queue, or
    /// when it has been dealt with.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim_unpin(&self, cid: &Cid) -> Result<Option<UnpinClaim>, StoreError> {
        let cid = cid.to_string();
        bounded(async {
            let lease = self.pool().lease().await?;
            let (begun, locked, needless) = tokio::join!(
                biased;
                lease.begin(),
                lease.row(Query::UnpinLock, [&cid]),
                lease.row(Query::UnpinNeedless, [&cid]),
            );
            begun?;
            locked?;
            if needless?.is_some() {
                return Ok(Some(UnpinClaim { lease, cid }));
            }
            let (held, kept, committed) = tokio::join!(
                biased;
                lease.row(Query::UnpinHold, [&cid]),
                lease.count(Query::UnpinKeep, [&cid]),
                lease.commit(),
            );
            held?;
            kept?;
            committed?;
            lease.release();
            Ok(None)
        })
        .await
    }

    /// Removes tombstones of more than two days, longer than any upload can have waited between Kubo's answer and its
    /// claim. Answers how many; at most a thousand in one call.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_unpins(&self) -> Result<u64, StoreError> {
        bounded(self.pool().count(Query::UnpinForget, [&FORGOTTEN_AT_ONCE])).await
    }
}

impl UnpinClaim {
    /// Notes that the pin is gone.
    ///
    /// # Errors
    /// [`StoreError`]; then the CID stays in the queue, and is unpinned once more.
    pub async fn done(self) -> Result<(), StoreError> {
        let Self { lease, cid } = self;
        bounded(async {
            let (noted, committed) =
                tokio::join!(biased; lease.count(Query::UnpinDone, [&cid]), lease.commit());
            noted?;
            committed?;
            lease.release();
            Ok(())
        })
        .await
    }
}
