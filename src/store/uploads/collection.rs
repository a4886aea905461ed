//! The garbage collection of Kubo: its epochs, and what it compares and protects.
//!
//! A block that no pin holds is removed, unless it is part of an upload that is recorded: those are protected before. So
//! everything that is stored without a pin belongs to an [`Epoch`], and the transaction that records it fails if another
//! epoch has begun since: its blocks may be gone.

use std::time::{Duration, SystemTime};

use tokio_postgres::{Error, Row};
use uuid::Uuid;

use crate::ipld::Cid;
use crate::oci::Digest;
use crate::store::db::connection::{Connection, Param};
use crate::store::db::database::Database;
use crate::store::db::row::{parsed, unsigned};
use crate::store::db::statements::Query;
use crate::store::error::StoreError;

/// The collections of all instances.
#[derive(Clone, Copy, Debug)]
pub struct Collections<'s>(pub(crate) &'s Database);

/// The time between two removals of blocks. [`Epoch::NONE`] where no registry removes blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch(pub(super) Option<i64>);

/// What all instances must know of a collection that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// The present epoch.
    pub epoch: Epoch,
    /// Whether nothing new may be stored in Kubo now.
    pub closed: bool,
}

/// What the last collections did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CollectionState {
    /// When pins were last compared with rows.
    pub compared_at: Option<SystemTime>,
    /// Number of lost pins that the last comparison found.
    pub lost_pins: u64,
    /// When blocks were last removed.
    pub collected_at: Option<SystemTime>,
    /// Number of blocks that were removed then.
    pub removed: u64,
    /// Whether something may have become garbage since, and may be removed now.
    pub garbage: bool,
    /// Whether no pin may be dropped, because a collection is under way or has died.
    pub paused: bool,
    /// Whether an upload moves bytes now.
    pub busy: bool,
}

/// A blob whose CID must be pinned.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are their names")]
pub struct PinnedBlob {
    id: i64,
    pub digest: Digest,
    pub cid: Cid,
    pub size: u64,
}

/// A part of an open upload whose CID must be pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the field is its name")]
pub struct PinnedPart {
    place: (Uuid, i64),
    pub cid: Cid,
}

impl Epoch {
    /// Where no registry removes blocks.
    pub const NONE: Self = Self(None);
}

impl Collections<'_> {
    /// Looks whether a collection is under way.
    pub async fn look(self) -> Result<Look, StoreError> {
        let row = self.one(Query::CollectionLook, []).await?;
        Ok(Look { epoch: Epoch(Some(row.try_get("epoch")?)), closed: row.try_get("closed")? })
    }

    /// What the last collections did. Garbage is to be removed at the earliest `rest` after it was last removed.
    pub async fn state(self, rest: Duration) -> Result<CollectionState, StoreError> {
        let row = self.one(Query::CollectionState, [&rest.as_secs_f64()]).await?;
        Ok(CollectionState {
            compared_at: row.try_get("compared_at")?,
            lost_pins: unsigned(&row, "lost_pins")?,
            collected_at: row.try_get("collected_at")?,
            removed: unsigned(&row, "removed")?,
            garbage: row.try_get("garbage")?,
            paused: row.try_get("paused")?,
            busy: row.try_get("busy")?,
        })
    }

    /// Keeps pins from being dropped for a while. Zero allows it again.
    pub async fn pause_unpins(self, time: Duration) -> Result<(), StoreError> {
        self.0.count(Query::CollectionPauseUnpins, [&time.as_secs_f64()]).await.map(drop)
    }

    /// Whether somebody may still drop pins who began before the pause.
    pub async fn unpinning(self) -> Result<bool, StoreError> {
        Ok(!self.0.rows(Query::CollectionUnpinning, []).await?.is_empty())
    }

    /// Asks all instances to store nothing new for a while. Zero allows it again.
    pub async fn close(self, time: Duration) -> Result<(), StoreError> {
        self.0.count(Query::CollectionClose, [&time.as_secs_f64()]).await.map(drop)
    }

    /// Begins an epoch. Whatever was stored before and is not recorded when this returns, never will be.
    pub async fn advance(self) -> Result<(), StoreError> {
        let advanced = self.0.retrying(|| async {
            let lease = self.0.lease().await?;
            lease.transaction(lock(&lease), advance(&lease)).await
        });
        advanced.await.map(drop)
    }

    /// Notes that the pins were compared with the rows.
    pub async fn compared(self, lost_pins: u64) -> Result<(), StoreError> {
        let lost = i64::try_from(lost_pins).unwrap_or(i64::MAX);
        self.0.count(Query::CollectionCompared, [&lost]).await.map(drop)
    }

    /// Notes that blocks were removed, and whether some garbage is left.
    pub async fn collected(self, removed: u64, left: bool) -> Result<(), StoreError> {
        let removed = i64::try_from(removed).unwrap_or(i64::MAX);
        self.0.count(Query::CollectionCollected, [&removed, &left]).await.map(drop)
    }

    /// Notes that something became garbage.
    pub async fn note_garbage(self) -> Result<(), StoreError> {
        self.0.count(Query::CollectionNoteGarbage, []).await.map(drop)
    }

    async fn one<const N: usize>(
        self,
        query: Query,
        params: [Param<'_>; N],
    ) -> Result<Row, StoreError> {
        let row = self.0.rows(query, params).await?.into_iter().next();
        row.ok_or_else(|| StoreError::Internal("the table `collection` is empty".into()))
    }
}

impl PinnedBlob {
    pub(crate) fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.try_get("id")?,
            digest: parsed(row, "digest")?,
            cid: parsed(row, "ipfs_cid")?,
            size: unsigned(row, "size")?,
        })
    }

    pub(crate) fn after(last: Option<&Self>) -> i64 {
        last.map_or(0, |last| last.id)
    }
}

impl PinnedPart {
    pub(super) fn read(row: &Row) -> Result<Self, StoreError> {
        let place = (row.try_get("upload_id")?, row.try_get("part_offset")?);
        Ok(Self { place, cid: parsed(row, "ipfs_cid")? })
    }

    pub(super) fn after(last: Option<&Self>) -> (Uuid, i64) {
        last.map_or((Uuid::nil(), -1), |last| last.place)
    }
}

/// Keeps the epoch until the transaction ends.
pub(super) async fn share(connection: &Connection, epoch: Epoch) -> Result<Option<Row>, Error> {
    connection.row(Query::CollectionShare, &[&epoch.0]).await
}

/// Returns a row if the epoch has not ended.
pub(super) async fn check(connection: &Connection, epoch: Epoch) -> Result<Option<Row>, Error> {
    connection.row(Query::CollectionCheck, &[&epoch.0]).await
}

async fn lock(connection: &Connection) -> Result<Option<Row>, Error> {
    connection.row(Query::CollectionLock, &[]).await
}

async fn advance(connection: &Connection) -> Result<u64, Error> {
    connection.count(Query::CollectionAdvance, &[]).await
}
