//! Ending an upload as a blob: compare the digest, compose the file, commit the row.

use bytes::Bytes;
use http_body::Body;

use uuid::Uuid;

use super::LEAF_BYTES;
use super::compose::Composed;
use super::intaken::Intaken;
use super::receive::check_chunk;
use super::session::Held;
use crate::ipld::Cid;
use crate::oci::{Chunk, Digest, RepositoryName, UploadId};
use crate::registry::{Registry, RegistryError};
use crate::store::Commit;
use crate::stream::hashing::Hasher;

/// A blob that is stored, pinned and linked.
#[derive(Clone, Copy, Debug)]
pub struct Stored {
    /// Where its bytes are.
    pub cid: Cid,
    /// How many they are.
    pub size: u64,
}

impl Registry {
    /// Takes the last bytes of an upload, if any, and makes it the blob `digest`.
    ///
    /// # Errors
    /// Those of [`Registry::receive`]; [`RegistryError::DigestMismatch`] ends the session, anything else leaves it
    /// open.
    pub async fn finish_upload<B>(
        &self,
        repository: &RepositoryName,
        id: UploadId,
        subject: &str,
        digest: &Digest,
        chunk: Option<Chunk>,
        body: &mut B,
    ) -> Result<Stored, RegistryError>
    where
        B: Body<Data = Bytes> + Unpin + Send,
        B::Error: std::fmt::Display,
    {
        let mut held = self.hold(repository, id, subject).await?;
        check_chunk(chunk, held.upload.received, body.size_hint().exact())?;
        let _transfer = self.transfer().await?;
        let mut body = Intaken::new(body, chunk);
        if held.upload.received == 0
            && let Some(frames) = body.whole(LEAF_BYTES).await?
        {
            let stored = self.commit_leaf(repository, Some(held.upload.id), digest, frames).await;
            if let Err(RegistryError::DigestMismatch { .. }) = &stored {
                self.cancel_upload(repository, id, subject).await?;
            } else if stored.is_ok() {
                self.0.sessions.forget(id.0);
            }
            return stored;
        }
        self.take(&mut held, digest.algorithm(), body).await?;
        self.commit_parts(repository, held, subject, digest).await
    }

    /// Takes a whole blob in one body. A small one needs no session; a large one gets one that ends with it.
    ///
    /// # Errors
    /// As [`Registry::finish_upload`].
    pub async fn put_blob<B>(
        &self,
        repository: &RepositoryName,
        subject: &str,
        digest: &Digest,
        body: &mut B,
    ) -> Result<Stored, RegistryError>
    where
        B: Body<Data = Bytes> + Unpin + Send,
        B::Error: std::fmt::Display,
    {
        let _transfer = self.transfer().await?;
        let mut body = Intaken::new(body, None);
        if let Some(frames) = body.whole(LEAF_BYTES).await? {
            return self.commit_leaf(repository, None, digest, frames).await;
        }
        let started = self.start_upload(repository, subject, Some(digest.algorithm())).await?;
        let mut held = self.hold(repository, started.id, subject).await?;
        if let Err(error) = self.take(&mut held, digest.algorithm(), body).await {
            self.cancel_upload(repository, started.id, subject).await?;
            return Err(error);
        }
        self.commit_parts(repository, held, subject, digest).await
    }

    /// A blob of one leaf: verified before a byte of it is stored, and its CID follows from its bytes.
    async fn commit_leaf(
        &self,
        repository: &RepositoryName,
        upload: Option<Uuid>,
        digest: &Digest,
        frames: Vec<Bytes>,
    ) -> Result<Stored, RegistryError> {
        let mut hasher = Hasher::new(digest.algorithm());
        frames.iter().for_each(|frame| hasher.update(frame));
        matches(digest, hasher.finish())?;
        let size = frames.iter().map(|frame| frame.len() as u64).sum();
        let composed = Composed { cid: self.ipfs().put_raw(frames).await?, inner: Vec::new() };
        let cid = self.commit(repository, upload, digest, size, composed).await?;
        Ok(Stored { cid, size })
    }

    /// A blob of the parts that an upload holds.
    async fn commit_parts(
        &self,
        repository: &RepositoryName,
        held: Held,
        subject: &str,
        digest: &Digest,
    ) -> Result<Stored, RegistryError> {
        let id = UploadId(held.upload.id);
        let actual = self.digest_of(&held, digest).await?;
        if let Err(mismatch) = matches(digest, actual) {
            self.cancel_upload(repository, id, subject).await?;
            return Err(mismatch);
        }
        let composed = self.compose(&held.upload).await?;
        let size = held.upload.received;
        let cid = self.commit(repository, Some(held.upload.id), digest, size, composed).await?;
        self.0.sessions.forget(id.0);
        Ok(Stored { cid, size })
    }

    async fn digest_of(&self, held: &Held, named: &Digest) -> Result<Digest, RegistryError> {
        match held.session.hasher_at(held.upload.received, named.algorithm()) {
            Some(hasher) => Ok(hasher.finish()),
            None => self.hash_stored(&held.upload, named.algorithm()).await,
        }
    }

    /// Commits the row. Whoever claims a CID learns whether its pin was dropped since Kubo answered, and pins again.
    async fn commit(
        &self,
        repository: &RepositoryName,
        upload: Option<Uuid>,
        digest: &Digest,
        size: u64,
        composed: Composed,
    ) -> Result<Cid, RegistryError> {
        let claim = self.store().claim(&composed.cid).await?;
        if claim.pin_lost() {
            self.ipfs().pin(&composed.cid).await?;
        }
        let commit = Commit {
            repository: repository.clone(),
            digest: digest.clone(),
            size,
            upload,
            superseded: composed.inner,
        };
        let committed = claim.commit_blob(commit).await?;
        self.nudge_sweep();
        Ok(committed.cid)
    }
}

fn matches(named: &Digest, actual: Digest) -> Result<(), RegistryError> {
    if *named == actual {
        return Ok(());
    }
    Err(RegistryError::DigestMismatch { named: named.clone(), actual })
}
