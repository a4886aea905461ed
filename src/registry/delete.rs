//! Taking content out of a repository. Bytes stay until a collector finds that nobody needs them.

use super::{Registry, RegistryError};
use crate::oci::{Digest, Reference, RepositoryName};
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

    /// Removes a tag alone, or by digest a manifest with all its tags in this repository.
    ///
    /// # Errors
    /// [`RegistryError::ManifestUnknown`].
    pub async fn delete_manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<(), RegistryError> {
        let gone = match reference {
            Reference::Tag(tag) => self.store().delete_tag(repository, tag).await?,
            Reference::Digest(digest) => self.store().delete_manifest(repository, digest).await?,
        };
        if gone { Ok(()) } else { Err(RegistryError::ManifestUnknown(reference.to_string())) }
    }
}
