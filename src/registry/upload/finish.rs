//! Finishing an upload as a blob.

use super::UploadKey;
use super::commit::{Ended, Stored};
use super::incoming::{CountedBody, Incoming};
use super::receive::check_chunk;
use super::transfer::Transfer;
use super::write::Writer;
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
        check_chunk(key, &locked, chunk, &body)?;
        let transfer = Transfer::new(self.0, &key.subject);
        let mut writer = Writer::new(self.0, key, &mut locked, digest.algorithm(), transfer);
        writer.write_all(&mut CountedBody::new(body, chunk)).await?;
        if let Some(leaf) = writer.sole_leaf().await? {
            let ended = Some(Ended { key, received: writer.received() });
            let stored = self.commit_leaf(&key.repository, ended, digest, leaf).await;
            if let Err(RegistryError::DigestMismatch { .. }) = &stored {
                self.cancel(key).await?;
            }
            return stored;
        }
        let _transfer = writer.finish().await?;
        self.commit_parts(key, locked, digest).await
    }
}
