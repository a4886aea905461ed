//! Committing a blob: compare the digest, compose the file, write the row.

use bytes::Bytes;

use super::UploadKey;
use super::compose::Composed;
use super::lock::LockedUpload;
use super::write::hasher_at;
use crate::ipfs::Block;
use crate::ipld::Cid;
use crate::oci::{Digest, RepositoryName};
use crate::registry::{RegistryError, Uploads};
use crate::store::{Commit, Committed, StoreError};
use crate::stream::hashing::Hasher;

/// A blob that is stored, pinned and linked.
#[derive(Clone, Copy, Debug)]
pub struct Stored {
    /// CID of the file in Kubo that holds its bytes.
    pub cid: Cid,
    /// Length of the blob in bytes.
    pub size: u64,
}

/// How often a commit is attempted that conflicts with others.
const ATTEMPTS: u32 = 3;

/// The upload that a commit ends.
#[derive(Clone, Copy)]
pub(super) struct Ended<'k> {
    pub(super) key: &'k UploadKey,
    /// Bytes that its rows cover.
    pub(super) received: u64,
}

impl Uploads<'_> {
    /// Commits a blob of at most one leaf. It is verified before any byte is stored.
    pub(super) async fn commit_leaf(
        self,
        repository: &RepositoryName,
        upload: Option<Ended<'_>>,
        digest: &Digest,
        frames: Vec<Bytes>,
    ) -> Result<Stored, RegistryError> {
        let mut hasher = Hasher::new(digest.algorithm());
        frames.iter().for_each(|frame| hasher.update(frame));
        matches(digest, hasher.finish())?;
        let size = frames.iter().map(|frame| frame.len() as u64).sum();
        self.admit(repository, size).await?;
        let composed = Composed::block(Block::raw(frames));
        let cid = self.commit(repository, upload, digest, size, composed).await?;
        Ok(Stored { cid, size })
    }

    /// Commits the parts of an upload as a blob.
    pub(super) async fn commit_parts(
        self,
        key: &UploadKey,
        locked: LockedUpload,
        digest: &Digest,
    ) -> Result<Stored, RegistryError> {
        let actual = self.digest_of(&locked, digest).await?;
        if let Err(mismatch) = matches(digest, actual) {
            self.cancel(key).await?;
            return Err(mismatch);
        }
        self.admit(&key.repository, locked.upload.received).await?;
        let composed = self.compose(&locked.upload).await?;
        let size = locked.upload.received;
        let upload = Some(Ended { key, received: size });
        let cid = self.commit(&key.repository, upload, digest, size, composed).await?;
        Ok(Stored { cid, size })
    }

    /// Refuses a blob that is too large or does not fit into its namespace, before anything of it is pinned for good.
    async fn admit(self, repository: &RepositoryName, size: u64) -> Result<(), RegistryError> {
        self.check_size(size)?;
        self.0.namespaces().admit_repository(repository).await?;
        self.0.namespaces().admit_blob(repository, size).await
    }

    /// Refuses a blob of `size` bytes or more that is larger than the registry takes.
    ///
    /// # Errors
    /// [`RegistryError::BlobTooLarge`].
    pub fn check_size(self, size: u64) -> Result<(), RegistryError> {
        match self.0.limits().blob_bytes {
            Some(most) if size > most => Err(RegistryError::BlobTooLarge { size, most }),
            _ => Ok(()),
        }
    }

    async fn digest_of(
        self,
        locked: &LockedUpload,
        named: &Digest,
    ) -> Result<Digest, RegistryError> {
        match hasher_at(&locked.upload, named.algorithm()) {
            Some(hasher) => Ok(hasher.finish()),
            None => self.hash_stored(&locked.upload, named.algorithm()).await,
        }
    }

    /// Commits the row, unless another request has ended or changed the upload since. A commit that conflicts with others
    /// is repeated.
    async fn commit(
        self,
        repository: &RepositoryName,
        upload: Option<Ended<'_>>,
        digest: &Digest,
        size: u64,
        composed: Composed,
    ) -> Result<Cid, RegistryError> {
        let commit = Commit {
            repository: repository.clone(),
            digest: digest.clone(),
            size,
            upload: upload.map(|upload| upload.key.id.0),
            received: upload.map_or(0, |upload| upload.received),
        };
        let mut attempt = 1;
        let committed = loop {
            // On the heap, because the states of the calls to Kubo are large.
            match Box::pin(self.commit_once(&composed, &commit)).await {
                Err(RegistryError::Store(StoreError::Conflict(_))) | Ok(Committed::Unclaimed)
                    if attempt < ATTEMPTS => {}
                Ok(Committed::Collected) if attempt < ATTEMPTS => {
                    self.0.collecting().look().await?;
                }
                committed => break committed?,
            }
            attempt += 1;
        };
        if matches!(committed, Committed::Done { .. }) {
            self.0.namespaces().added(repository, size).await;
        }
        self.0.pins().wake();
        match (committed, upload) {
            (Committed::Done { cid }, _) => Ok(cid),
            (Committed::Moved { received }, Some(Ended { key, .. })) => {
                Err(RegistryError::OutOfOrder { key: key.clone(), received })
            }
            (Committed::Collected, _) => Err(RegistryError::Collecting),
            (Committed::Unclaimed, _) => Err(RegistryError::Claimed(composed.cid)),
            (Committed::Moved { .. } | Committed::Gone, _) => Err(RegistryError::UploadUnknown),
        }
    }

    async fn commit_once(
        self,
        composed: &Composed,
        commit: &Commit,
    ) -> Result<Committed, RegistryError> {
        let epoch = self.0.collecting().enter().await?;
        let claim = self.pin(composed).await?;
        Ok(self.0.store().uploads().commit(commit, claim, epoch).await?)
    }
}

fn matches(named: &Digest, actual: Digest) -> Result<(), RegistryError> {
    if *named == actual {
        return Ok(());
    }
    Err(RegistryError::DigestMismatch { named: named.clone(), actual })
}
