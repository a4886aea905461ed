//! Linking a blob that another repository holds.

use crate::oci::{Digest, RepositoryName};
use crate::registry::{Registry, RegistryError};
use crate::store::MountSource;

impl Registry {
    /// Links `digest` into `target` when it is in `source` and may be read there. Says whether it did.
    ///
    /// # Errors
    /// Only those of the store.
    pub async fn mount_blob(
        &self,
        target: &RepositoryName,
        digest: &Digest,
        source: &MountSource,
    ) -> Result<bool, RegistryError> {
        Ok(self.store().mount_blob(target, digest, source).await?)
    }
}
