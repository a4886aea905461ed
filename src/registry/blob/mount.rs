//! Mounting a blob of another repository.

use crate::oci::{Digest, RepositoryName};
use crate::registry::{Blobs, RegistryError};
use crate::store::MountSource;

impl Blobs<'_> {
    /// Links `digest` into `target` if the caller may read it in `source`. Returns whether it did.
    pub async fn mount(
        self,
        target: &RepositoryName,
        digest: &Digest,
        source: &MountSource,
    ) -> Result<bool, RegistryError> {
        self.0.namespaces().admit_repository(target).await?;
        self.0.namespaces().admit_blob(target, 0).await?;
        Ok(self.0.store().blobs().mount(target, digest, source).await?)
    }
}
