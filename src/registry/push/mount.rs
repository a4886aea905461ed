//! Linking a blob that another repository holds.

use crate::oci::{Digest, RepositoryName};
use crate::registry::{Registry, RegistryError};

impl Registry {
    /// Links `digest` into `target` when `from` holds it, or when any repository does if none is named. Says
    /// whether it did.
    ///
    /// # Errors
    /// Only those of the store.
    pub async fn mount_blob(
        &self,
        target: &RepositoryName,
        digest: &Digest,
        from: Option<&RepositoryName>,
    ) -> Result<bool, RegistryError> {
        Ok(self.store().mount_blob(target, digest, from).await?)
    }
}
