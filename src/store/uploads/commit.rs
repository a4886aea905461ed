//! The transactions that let a row name a CID: a part of an upload, and a blob.

use uuid::Uuid;

use super::collection::{self, Epoch};
use super::pin::{self, Claim};
use super::session::{Part, Recorded, SavedHash};
use super::upload::{self, NewPart, Uploads};
use crate::ipld::Cid;
use crate::oci::{Digest, RepositoryName};
use crate::rights::{Access, Grantee};
use crate::store::content::blob::{self, Blobs, NewBlob};
use crate::store::content::repository;
use crate::store::db::retry::Settled;
use crate::store::db::row::{parsed, signed, unsigned};
use crate::store::error::StoreError;

/// An upload that is to become a blob.
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
}

/// Outcome of [`Uploads::commit`].
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
    /// The claim was lost, so the pin may be.
    Unclaimed,
    /// Another epoch has begun, so blocks may be gone.
    Collected,
}

/// What is known of the blocks of a part when its row is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The claim of its CID if Kubo pins the part. It ends.
    pub claim: Option<Claim>,
    /// The epoch in which they were stored.
    pub epoch: Epoch,
}

impl Uploads<'_> {
    /// Adds a part to an upload of which `expected_received` bytes are durable. A part at the same offset is replaced.
    /// `hash` covers all bytes up to the end of the part.
    ///
    /// # Errors
    /// [`StoreError::Internal`] for a part that leaves a gap, shortens the upload, or has another CID than the claim.
    pub async fn record_part(
        self,
        id: Uuid,
        expected_received: u64,
        part: Part,
        stored: Stored,
        hash: Option<&SavedHash>,
    ) -> Result<Recorded, StoreError> {
        let Stored { claim, epoch } = stored;
        let end = part.offset.saturating_add(part.size);
        let other = claim.is_some_and(|claim| claim.cid != part.cid);
        if part.offset > expected_received || end < expected_received || other {
            let text = format!("{part:?} does not continue an upload of {expected_received} bytes");
            return Err(StoreError::Internal(text));
        }
        let (cid, claim) = (part.cid.to_string(), claim.map(|claim| claim.id));
        let new = NewPart {
            upload: id,
            expected: signed(expected_received)?,
            offset: signed(part.offset)?,
            size: signed(part.size)?,
            cid: &cid,
            claim,
            epoch,
            hash,
        };
        // On the heap, because the state of a whole transaction is large.
        let recorded = self.0.settling(|| {
            Box::pin(async {
                let lease = self.0.lease().await?;
                let locks = async {
                    let (shared, current, locked, held) = tokio::join!(
                        biased;
                        collection::share(&lease, epoch),
                        collection::check(&lease, epoch),
                        upload::lock(&lease, Some(id)),
                        pin::hold(&lease, &cid, claim),
                    );
                    shared?;
                    Ok((current?, locked?, held?))
                };
                let write = async {
                    let (written, kept) = tokio::join!(
                        biased;
                        upload::record_part(&lease, &new),
                        pin::keep(&lease, &cid, claim),
                    );
                    let written = written?;
                    kept?;
                    Ok(written)
                };
                lease.transaction(locks, write).await
            })
        });
        let Settled { result: ((current, locked, held), written), in_doubt } = recorded.await?;
        if in_doubt && written.is_none() && self.parts(id).await?.last() == Some(&part) {
            // The attempt whose answer was lost has recorded it.
            return Ok(Recorded::Done);
        }
        if current.is_none() {
            return Ok(Recorded::Collected);
        }
        if claim.is_some() && held.is_none() {
            return Ok(Recorded::Unclaimed);
        }
        Recorded::read(locked.as_ref(), written.as_ref())
    }

    /// Makes the claimed CID the bytes of a blob, links the blob to its repository, and ends the upload and the claim. If an
    /// earlier push stored the digest at another CID, that CID stays and the claimed one is queued for unpinning. A blob in
    /// quarantine takes the claimed CID and leaves quarantine. In any other outcome than [`Committed::Done`] only the claim
    /// ends, and its CID is queued.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] also when the repository is removed at the same time.
    pub async fn commit(
        self,
        commit: &Commit,
        claim: Claim,
        epoch: Epoch,
    ) -> Result<Committed, StoreError> {
        let (repository, digest) = (commit.repository.as_str(), commit.digest.as_str());
        let cid = claim.cid.to_string();
        let new = NewBlob {
            repository,
            digest,
            cid: &cid,
            size: signed(commit.size)?,
            upload: commit.upload,
            received: signed(commit.received)?,
            claim: claim.id,
            epoch: epoch.0,
        };
        let committed = self.0.settling(|| {
            Box::pin(async {
                let lease = self.0.lease().await?;
                let locks = async {
                    let (shared, current, ensured, session, held, blob) = tokio::join!(
                        biased;
                        collection::share(&lease, epoch),
                        collection::check(&lease, epoch),
                        repository::ensure(&lease, repository),
                        upload::lock(&lease, commit.upload),
                        pin::hold(&lease, &cid, Some(claim.id)),
                        blob::lock(&lease, digest),
                    );
                    shared?;
                    ensured?;
                    let rows = (current?, session?, held?);
                    blob?;
                    Ok(rows)
                };
                let write = async {
                    let (stored, kept) = tokio::join!(
                        biased;
                        blob::commit(&lease, &new),
                        pin::keep(&lease, &cid, Some(claim.id)),
                    );
                    let stored = stored?;
                    kept?;
                    Ok(stored)
                };
                lease.transaction(locks, write).await
            })
        });
        let Settled { result: ((current, session, held), stored), in_doubt } = committed.await?;
        if let Some(row) = stored {
            return Ok(Committed::Done { cid: parsed(&row, "ipfs_cid")? });
        }
        let received = session.map(|row| unsigned(&row, "received")).transpose()?;
        match received {
            None if commit.upload.is_some() && in_doubt => self.committed_before(commit).await,
            None if commit.upload.is_some() => Ok(Committed::Gone),
            Some(received) if received != commit.received => Ok(Committed::Moved { received }),
            _ if held.is_none() => Ok(Committed::Unclaimed),
            _ if current.is_none() => Ok(Committed::Collected),
            _ => Err(StoreError::Conflict(format!("repository {repository} was removed"))),
        }
    }

    /// Finds out whether an attempt whose answer was lost has committed the blob, when the upload has ended.
    async fn committed_before(self, commit: &Commit) -> Result<Committed, StoreError> {
        let access = Access { repository: commit.repository.clone(), grantee: Grantee::Everyone };
        let blob = Blobs(self.0).get(&access, &commit.digest).await?;
        Ok(blob.map_or(Committed::Gone, |blob| Committed::Done { cid: blob.cid }))
    }
}
