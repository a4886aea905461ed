//! Deleting a tag or a manifest.

use crate::oci::{Reference, RepositoryName};
use crate::registry::{Manifests, RegistryError};

impl Manifests<'_> {
    /// Deletes a tag and keeps its manifest, or deletes a manifest by digest together with its tags in this repository.
    ///
    /// # Errors
    /// [`RegistryError::ManifestUnknown`].
    pub async fn delete(
        self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<(), RegistryError> {
        let gone = match reference {
            Reference::Tag(tag) => self.0.store().tags().delete(repository, tag).await?,
            Reference::Digest(digest) => {
                self.0.store().manifests().delete(repository, digest).await?
            }
        };
        if gone { Ok(()) } else { Err(RegistryError::ManifestUnknown(reference.to_string())) }
    }
}
