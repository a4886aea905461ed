//! Naming a CID for the first time: the side of the pin protocol that keeps a pin.
//!
//! Pins in Kubo are a set, not a count, and only the rows here tell who needs one. Two kinds of callers therefore hold
//! the CID's advisory lock from their first look at the rows until their commit: callers that let a row name a CID, and
//! callers that drop a pin ([`UnpinClaim`]).
//!
//! - A row names a CID only through a [`Claim`], made after Kubo has answered that the CID is stored and pinned.
//! - A pin is dropped only through an [`UnpinClaim`]. Under the lock it first looks for rows that name the CID, and then
//!   leaves a tombstone in the queue. A row of the queue, done or not, therefore says that the pin may be gone. No row
//!   says that the pin is there.
//! - The claim removes the row of the queue only in the transaction that lets another row name the CID.
//!
//! A statement of its own takes the lock: in READ COMMITTED the next statement has a snapshot that holds everything
//! that the previous owner of the lock did.
//!
//! [`UnpinClaim`]: super::unpin::UnpinClaim

use tokio_postgres::Error;
use uuid::Uuid;

use super::unpin;
use super::upload::{self, NewPart, Part, Recorded, SavedHash};
use crate::ipld::Cid;
use crate::oci::{Digest, RepositoryName};
use crate::store::content::blob::{self, NewBlob};
use crate::store::content::repository;
use crate::store::db::connection::Connection;
use crate::store::db::database::Database;
use crate::store::db::lease::Lease;
use crate::store::db::row::{parsed, signed, unsigned};
use crate::store::error::StoreError;

/// The pins that rows need.
#[derive(Clone, Copy, Debug)]
pub struct Pins<'s>(pub(crate) &'s Database);

/// A CID that Kubo stores and that a row is about to name. It holds a transaction open, so nothing slow may happen
/// before it ends, except to pin the CID again when [`Claim::pin_lost`] says so. If it is dropped, nothing changes.
#[derive(Debug)]
#[must_use]
pub struct Claim {
    lease: Lease,
    cid: String,
    queued: bool,
}

/// An upload that is to become a blob at the claimed CID.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the other fields are their names")]
pub struct Commit {
    pub repository: RepositoryName,
    pub digest: Digest,
    /// Length in bytes.
    pub size: u64,
    /// The session that ends with the commit.
    pub upload: Option<Uuid>,
    /// Length that the session must have.
    pub received: u64,
    /// CIDs, other than those of the session's parts, that were pinned during the upload and are no longer needed.
    pub superseded: Vec<Cid>,
}

/// Outcome of [`Claim::commit_blob`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// The blob is committed.
    Done {
        /// CID under which Kubo stores the bytes: the claimed one, or that of an earlier push of the same digest.
        cid: Cid,
    },
    /// The upload has another length than its writer expected.
    Moved {
        /// Number of bytes that are durable.
        received: u64,
    },
    /// The upload has ended.
    Gone,
}

impl Pins<'_> {
    /// Claims a CID that Kubo has just stored and pinned.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] also when another claim of the CID does not end in time.
    pub async fn claim(self, cid: &Cid) -> Result<Claim, StoreError> {
        let cid = cid.to_string();
        let begun = self.0.retrying(|| async {
            let lease = self.0.lease().await?;
            let first = async {
                let (locked, queued) =
                    tokio::join!(biased; unpin::lock(&lease, &cid), unpin::queued(&lease, &cid));
                locked?;
                queued
            };
            let queued = lease.begin(first).await?.is_some();
            Ok((lease, queued))
        });
        let (lease, queued) = begun.await?;
        Ok(Claim { lease, cid, queued })
    }
}

impl Claim {
    /// Whether the pin may have been dropped since Kubo answered. Then pin the CID again before going on.
    pub fn pin_lost(&self) -> bool {
        self.queued
    }

    /// Adds the claimed CID to an upload as the bytes of `part`, if `expected_received` bytes of the upload are
    /// durable. A part at the same offset is replaced. `hash` covers all bytes up to the end of the part. In any other outcome than [`Recorded::Done`] the CID is queued
    /// for unpinning.
    ///
    /// # Errors
    /// [`StoreError::Internal`] for a part that leaves a gap, shortens the upload, or has another CID.
    pub async fn record_part(
        self,
        upload: Uuid,
        expected_received: u64,
        part: Part,
        hash: Option<&SavedHash>,
    ) -> Result<Recorded, StoreError> {
        let Self { lease, cid, queued } = self;
        let end = part.offset.saturating_add(part.size);
        if part.offset > expected_received || end < expected_received || part.cid.to_string() != cid
        {
            let text = format!("{part:?} does not continue an upload of {expected_received} bytes");
            return Err(StoreError::Internal(text));
        }
        let new = NewPart {
            upload,
            expected: signed(expected_received)?,
            offset: signed(part.offset)?,
            size: signed(part.size)?,
            cid: &cid,
            queued,
            hash,
        };
        let lease = lease.renewed();
        let record = async {
            let (locked, recorded, kept) = tokio::join!(
                biased;
                upload::lock(&lease, Some(upload)),
                upload::record_part(&lease, &new),
                keep(&lease, &cid, queued),
            );
            let rows = (locked?, recorded?);
            kept?;
            Ok(rows)
        };
        let (locked, written) = lease.commit(record).await?;
        let outcome = Recorded::read(locked.as_ref(), written.as_ref())?;
        if outcome != Recorded::Done {
            lease.run(unpin::enqueue(&lease, &[&cid])).await?;
        }
        Ok(outcome)
    }

    /// Makes the claimed CID the bytes of a blob, links the blob to its repository, and ends the upload. If an earlier
    /// push stored the digest at another CID, that CID stays and the claimed one is queued for unpinning. A blob in
    /// quarantine takes the claimed CID and leaves quarantine. In any other outcome than [`Committed::Done`] nothing
    /// changes, and all CIDs of `commit` are queued for unpinning.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] also when the repository is removed at the same time.
    pub async fn commit_blob(self, commit: Commit) -> Result<Committed, StoreError> {
        let Self { lease, cid, queued } = self;
        let (repository, digest) = (commit.repository.as_str(), commit.digest.as_str());
        let superseded: Vec<String> = commit.superseded.iter().map(Cid::to_string).collect();
        let new = NewBlob {
            repository,
            digest,
            cid: &cid,
            size: signed(commit.size)?,
            upload: commit.upload,
            received: signed(commit.received)?,
            superseded: &superseded,
            queued,
        };
        let lease = lease.renewed();
        let store = async {
            let (ensured, session, blob, stored, kept) = tokio::join!(
                biased;
                repository::ensure(&lease, repository),
                upload::lock(&lease, commit.upload),
                blob::lock(&lease, digest),
                blob::commit(&lease, &new),
                keep(&lease, &cid, queued),
            );
            ensured?;
            let session = session?;
            blob?;
            let stored = stored?;
            kept?;
            Ok((session, stored))
        };
        let (session, stored) = lease.commit(store).await?;
        if let Some(row) = stored {
            return Ok(Committed::Done { cid: parsed(&row, "ipfs_cid")? });
        }
        let needless: Vec<&str> =
            superseded.iter().map(String::as_str).chain([cid.as_str()]).collect();
        lease.run(unpin::enqueue(&lease, &needless)).await?;
        let received = session.map(|row| unsigned(&row, "received")).transpose()?;
        match received {
            None if commit.upload.is_some() => Ok(Committed::Gone),
            Some(received) if received != commit.received => Ok(Committed::Moved { received }),
            _ => Err(StoreError::Conflict(format!("repository {repository} was removed"))),
        }
    }
}

/// Takes the claimed CID out of the queue if it was `queued` and a row names it now.
async fn keep(connection: &Connection, cid: &str, queued: bool) -> Result<(), Error> {
    if queued {
        unpin::keep(connection, cid).await?;
    }
    Ok(())
}
