//! Finishing an upload as a blob.

use super::UploadKey;
use super::commit::Stored;
use super::incoming::{CountedBody, Incoming};
use super::receive::check_chunk;
use crate::ipld::profile::LEAF_BYTES;
use crate::oci::{Chunk, Digest};
use crate::registry::{RegistryError, Uploads};

impl Uploads<'_> {
    /// Stores the last bytes of an upload, if `body` has any, and makes the upload the blob `digest`. Runs to its end
    /// even if the caller stops waiting.
    ///
    /// # Errors
    /// Those of [`receive`](Uploads::receive), after which the upload stays open. After
    /// [`RegistryError::DigestMismatch`] it is gone.
    pub async fn finish(
        self,
        key: UploadKey,
        digest: Digest,
        chunk: Option<Chunk>,
        body: impl Incoming,
    ) -> Result<Stored, RegistryError> {
        let registry = self.0.clone();
        let finish =
            async move { registry.uploads().finish_here(&key, &digest, chunk, body).await };
        self.0.detached().run(finish).await
    }

    async fn finish_here(
        self,
        key: &UploadKey,
        digest: &Digest,
        chunk: Option<Chunk>,
        body: impl Incoming,
    ) -> Result<Stored, RegistryError> {
        let mut locked = self.lock(key).await?;
        check_chunk(key, chunk, locked.upload.received, body.size_hint().exact())?;
        let _slot = self.transfer_slot().await?;
        let mut body = CountedBody::new(body, chunk);
        if locked.upload.received == 0
            && let Some(frames) = body.whole(LEAF_BYTES).await?
        {
            let id = Some(locked.upload.id);
            let stored = self.commit_leaf(&key.repository, id, digest, frames).await;
            if let Err(RegistryError::DigestMismatch { .. }) = &stored {
                self.cancel(key).await?;
            } else if stored.is_ok() {
                self.0.sessions().forget(key.id.0);
            }
            return stored;
        }
        self.store_frames(key, &mut locked, digest.algorithm(), body).await?;
        self.commit_parts(key, locked, digest).await
    }
}
