//! Linking a blob that another repository holds.

use crate::oci::{Digest, RepositoryName};
use crate::registry::{Blobs, RegistryError};
use crate::store::MountSource;

impl Blobs<'_> {
    /// Links `digest` into `target` when it is in `source` and may be read there. Says whether it did.
    ///
    /// # Errors
    /// Only those of the store.
    pub async fn mount(
        self,
        target: &RepositoryName,
        digest: &Digest,
        source: &MountSource,
    ) -> Result<bool, RegistryError> {
        Ok(self.0.store().mount_blob(target, digest, source).await?)
    }
}
