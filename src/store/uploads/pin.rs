//! Naming a CID for the first time: the side of the pin protocol that keeps a pin.
//!
//! Pins in Kubo are a set, not a count, and only the rows here know who needs one. So whoever lets a row name a CID,
//! and whoever drops a pin ([`crate::store::UnpinClaim`]), holds the CID's advisory lock from the look to the commit:
//!
//! - rows name a CID only through a [`Claim`], made after Kubo has answered that the CID is stored and pinned;
//! - a pin is dropped only through an [`crate::store::UnpinClaim`], which first looks for rows under the lock, and leaves a
//!   tombstone in the queue. A row of the queue, done or not, therefore says that the pin may be gone, and no row says
//!   that it is there;
//! - the claim takes the row away only in the transaction that makes something name the CID.
//!
//! The lock is taken by a statement of its own: in READ COMMITTED the next one has a snapshot that holds all that the
//! previous owner did.

use uuid::Uuid;

use crate::ipld::Cid;
use crate::oci::{Digest, RepositoryName};
use crate::store::db::pool::Lease;
use crate::store::db::retry::bounded;
use crate::store::db::row::{parsed, signed, unsigned};
use crate::store::db::statements::Query;
use crate::store::uploads::upload::Part;
use crate::store::{Store, StoreError};

/// A CID that Kubo stores and that a row is about to name. Holds a transaction: nothing slow may happen meanwhile but
/// pinning again what [`Claim::pin_lost`] tells of. Dropped, it leaves everything as it was.
#[derive(Debug)]
#[must_use]
pub struct Claim {
    lease: Lease,
    cid: String,
    queued: bool,
}

/// How [`Claim::record_part`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// The part is the upload's.
    Done,
    /// The upload stands elsewhere than its writer thought.
    Moved {
        /// Bytes that are durable.
        received: u64,
    },
    /// The upload has ended.
    Gone,
}

/// An upload that is to become a blob, at the CID that is claimed.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Who will hold it.
    pub repository: RepositoryName,
    /// What its bytes hash to.
    pub digest: Digest,
    /// How many they are.
    pub size: u64,
    /// The session that ends with it.
    pub upload: Option<Uuid>,
    /// CIDs beside the session's parts that were pinned on the way and are needless now.
    pub superseded: Vec<Cid>,
}

/// A blob that is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Where its bytes are: the claimed CID, or the one at which an earlier push of the digest put them.
    pub cid: Cid,
}

impl Store {
    /// Claims a CID that Kubo has just stored and pinned.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Unavailable`] also when somebody else holds the claim for seconds.
    pub async fn claim(&self, cid: &Cid) -> Result<Claim, StoreError> {
        let cid = cid.to_string();
        bounded(async {
            let lease = self.pool().lease().await?;
            let (begun, locked, queued) = tokio::join!(
                biased;
                lease.begin(),
                lease.row(Query::UnpinLock, [&cid]),
                lease.row(Query::UnpinQueued, [&cid]),
            );
            begun?;
            locked?;
            let queued = queued?.is_some();
            Ok(Claim { lease, cid, queued })
        })
        .await
    }
}

impl Claim {
    /// Whether the pin may have been dropped since Kubo answered. Then pin again before going on.
    pub fn pin_lost(&self) -> bool {
        self.queued
    }

    /// Gives the claimed CID to an upload as the bytes of `part`, if `expected_received` bytes of it are durable. A part
    /// at the same offset is replaced. In any other outcome than [`Recorded::Done`] the CID is queued for unpinning.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Internal`] for a part that leaves a gap, takes bytes back, or has another CID.
    pub async fn record_part(
        self,
        upload: Uuid,
        expected_received: u64,
        part: Part,
    ) -> Result<Recorded, StoreError> {
        let end = part.offset.saturating_add(part.size);
        if part.offset > expected_received
            || end < expected_received
            || part.cid.to_string() != self.cid
        {
            let text = format!("{part:?} does not continue an upload of {expected_received} bytes");
            return Err(StoreError::Internal(text));
        }
        let (expected, offset) = (signed(expected_received)?, signed(part.offset)?);
        let size = signed(part.size)?;
        let Self { lease, cid, queued } = self;
        bounded(async {
            let (locked, recorded, kept, committed) = tokio::join!(
                biased;
                lease.row(Query::UploadLock, [&upload]),
                lease.row(
                    Query::UploadRecordPart,
                    [&upload, &expected, &offset, &size, &cid, &queued],
                ),
                keep(&lease, &cid, queued),
                lease.commit(),
            );
            let outcome = match (locked?, recorded?) {
                (_, Some(_)) => Recorded::Done,
                (Some(row), None) => Recorded::Moved { received: unsigned(&row, "received")? },
                (None, None) => Recorded::Gone,
            };
            kept?;
            committed?;
            if outcome != Recorded::Done {
                lease.count(Query::UnpinEnqueue, [&[&cid].as_slice()]).await?;
            }
            lease.release();
            Ok(outcome)
        })
        .await
    }

    /// Makes the claimed CID the bytes of a blob, links it, and ends its upload. The CID of an earlier push stays, and
    /// then the claimed one is queued for unpinning; a blob under quarantine takes the claimed CID and is released.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn commit_blob(self, commit: Commit) -> Result<Committed, StoreError> {
        let Self { lease, cid, queued } = self;
        let (repository, digest) = (commit.repository.as_str(), commit.digest.as_str());
        let size = signed(commit.size)?;
        let superseded: Vec<String> = commit.superseded.iter().map(Cid::to_string).collect();
        bounded(async {
            let (ensured, session, blob, stored, kept, committed) = tokio::join!(
                biased;
                lease.row(Query::RepositoryEnsure, [&repository]),
                lease.row(Query::UploadLock, [&commit.upload]),
                lease.row(Query::BlobLock, [&digest]),
                lease.row(
                    Query::BlobCommit,
                    [&repository, &digest, &cid, &size, &commit.upload, &superseded, &queued],
                ),
                keep(&lease, &cid, queued),
                lease.commit(),
            );
            ensured?;
            session?;
            blob?;
            let Some(row) = stored? else {
                return Err(StoreError::Internal("blob/commit gave no row".into()));
            };
            kept?;
            committed?;
            let cid = parsed(&row, "ipfs_cid")?;
            lease.release();
            Ok(Committed { cid })
        })
        .await
    }
}

/// Takes the claimed CID out of the queue, in which it is known to be, if something names it by now.
async fn keep(lease: &Lease, cid: &str, queued: bool) -> Result<(), tokio_postgres::Error> {
    if queued {
        lease.count(Query::UnpinKeep, [&cid]).await?;
    }
    Ok(())
}
