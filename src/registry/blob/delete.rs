//! Deleting a blob from a repository. Its bytes stay until no repository needs them.

use crate::oci::{Digest, RepositoryName};
use crate::registry::{Blobs, RegistryError};
use crate::store::Unlink;

impl Blobs<'_> {
    /// Unlinks a blob from this repository. Other repositories keep it.
    ///
    /// # Errors
    /// [`RegistryError::BlobUnknown`], or [`RegistryError::BlobReferenced`] while a manifest of the repository needs it.
    pub async fn delete(
        self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<(), RegistryError> {
        match self.0.store().blobs().unlink(repository, digest).await? {
            Unlink::Done => Ok(()),
            Unlink::Absent => Err(RegistryError::BlobUnknown(digest.clone())),
            Unlink::Referenced => Err(RegistryError::BlobReferenced(digest.clone())),
        }
    }
}
