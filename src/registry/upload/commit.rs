//! Committing a blob: compare the digest, compose the file, write the row.

use bytes::Bytes;
use uuid::Uuid;

use super::UploadKey;
use super::compose::Composed;
use super::lock::LockedUpload;
use crate::ipld::Cid;
use crate::oci::{Digest, RepositoryName};
use crate::registry::{RegistryError, Uploads};
use crate::store::Commit;
use crate::stream::hashing::Hasher;

/// A blob that is stored, pinned and linked.
#[derive(Clone, Copy, Debug)]
pub struct Stored {
    /// CID of the file in Kubo that holds its bytes.
    pub cid: Cid,
    /// Length of the blob in bytes.
    pub size: u64,
}

impl Uploads<'_> {
    /// Commits a blob of at most one leaf. It is verified before any byte is stored.
    pub(super) async fn commit_leaf(
        self,
        repository: &RepositoryName,
        upload: Option<Uuid>,
        digest: &Digest,
        frames: Vec<Bytes>,
    ) -> Result<Stored, RegistryError> {
        let mut hasher = Hasher::new(digest.algorithm());
        frames.iter().for_each(|frame| hasher.update(frame));
        matches(digest, hasher.finish())?;
        let size = frames.iter().map(|frame| frame.len() as u64).sum();
        let composed = Composed { cid: self.0.ipfs().put_raw(frames).await?, inner: Vec::new() };
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
        let composed = self.compose(&locked.upload).await?;
        let (id, size) = (locked.upload.id, locked.upload.received);
        let cid = self.commit(&key.repository, Some(id), digest, size, composed).await?;
        self.0.sessions().forget(id);
        Ok(Stored { cid, size })
    }

    async fn digest_of(
        self,
        locked: &LockedUpload,
        named: &Digest,
    ) -> Result<Digest, RegistryError> {
        match locked.session.hasher_at(locked.upload.received, named.algorithm()) {
            Some(hasher) => Ok(hasher.finish()),
            None => self.hash_stored(&locked.upload, named.algorithm()).await,
        }
    }

    /// Commits the row. If the pin may have been dropped since Kubo answered, the claim says so, and the CID is pinned
    /// again.
    async fn commit(
        self,
        repository: &RepositoryName,
        upload: Option<Uuid>,
        digest: &Digest,
        size: u64,
        composed: Composed,
    ) -> Result<Cid, RegistryError> {
        let claim = self.0.store().pins().claim(&composed.cid).await?;
        if claim.pin_lost() {
            self.0.ipfs().pin(&composed.cid).await?;
        }
        let commit = Commit {
            repository: repository.clone(),
            digest: digest.clone(),
            size,
            upload,
            superseded: composed.inner,
        };
        let committed = claim.commit_blob(commit).await?;
        self.0.pins().wake();
        Ok(committed.cid)
    }
}

fn matches(named: &Digest, actual: Digest) -> Result<(), RegistryError> {
    if *named == actual {
        return Ok(());
    }
    Err(RegistryError::DigestMismatch { named: named.clone(), actual })
}
