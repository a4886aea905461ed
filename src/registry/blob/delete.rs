//! Taking content out of a repository. Bytes stay until a collector finds that nobody needs them.

use crate::oci::{Digest, RepositoryName};
use crate::registry::{Registry, RegistryError};
use crate::store::Unlink;

impl Registry {
    /// Unlinks a blob from this repository; others that hold it keep it.
    ///
    /// # Errors
    /// [`RegistryError::BlobUnknown`], or [`RegistryError::BlobReferenced`] while a manifest here needs it.
    pub async fn delete_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<(), RegistryError> {
        match self.store().unlink_blob(repository, digest).await? {
            Unlink::Done => Ok(()),
            Unlink::Absent => Err(RegistryError::BlobUnknown(digest.clone())),
            Unlink::Referenced => Err(RegistryError::BlobReferenced(digest.clone())),
        }
    }
}
