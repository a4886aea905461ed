//! Storing a blob that comes whole in one request (distribution specification, "Single POST").

use super::UploadKey;
use super::commit::Stored;
use super::incoming::{CountedBody, Incoming};
use crate::ipld::profile::LEAF_BYTES;
use crate::oci::{Digest, RepositoryName};
use crate::registry::{RegistryError, Uploads};

impl Uploads<'_> {
    /// Stores a whole blob. A small blob needs no upload. A large one gets an upload that ends with this call. Runs to
    /// its end even if the caller stops waiting.
    ///
    /// # Errors
    /// Those of [`finish`](Uploads::finish).
    pub async fn put(
        self,
        repository: RepositoryName,
        subject: String,
        digest: Digest,
        body: impl Incoming,
    ) -> Result<Stored, RegistryError> {
        let registry = self.0.clone();
        let put =
            async move { registry.uploads().put_here(repository, subject, &digest, body).await };
        self.0.detached().run(put).await
    }

    async fn put_here(
        self,
        repository: RepositoryName,
        subject: String,
        digest: &Digest,
        body: impl Incoming,
    ) -> Result<Stored, RegistryError> {
        let _slot = self.transfer_slot().await?;
        let mut body = CountedBody::new(body, None);
        if let Some(frames) = body.whole(LEAF_BYTES).await? {
            return self.commit_leaf(&repository, None, digest, frames).await;
        }
        let algorithm = digest.algorithm();
        let started = self.start(&repository, &subject, Some(algorithm)).await?;
        let key = UploadKey { repository, id: started.id, subject };
        let mut locked = self.lock(&key).await?;
        if let Err(error) = self.store_frames(&key, &mut locked, algorithm, body).await {
            self.cancel(&key).await?;
            return Err(error);
        }
        self.commit_parts(&key, locked, digest).await
    }
}
