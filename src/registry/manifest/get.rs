//! Reading manifests. Takes one round trip to PostgreSQL and none to Kubo.

use crate::oci::Reference;
use crate::registry::{Manifests, RegistryError};
use crate::rights::Access;
use crate::store::{ManifestHead, StoredManifest};

impl Manifests<'_> {
    /// Finds a manifest and returns its bytes exactly as they were pushed.
    ///
    /// # Errors
    /// [`RegistryError::ManifestUnknown`].
    pub async fn get(
        self,
        access: &Access,
        reference: &Reference,
    ) -> Result<StoredManifest, RegistryError> {
        let found = self.0.store().manifests().get(access, reference).await?;
        found.ok_or_else(|| RegistryError::ManifestUnknown(reference.to_string()))
    }

    /// Finds a manifest and returns its digest, type and size without its bytes.
    ///
    /// # Errors
    /// [`RegistryError::ManifestUnknown`].
    pub async fn head(
        self,
        access: &Access,
        reference: &Reference,
    ) -> Result<ManifestHead, RegistryError> {
        let found = self.0.store().manifests().head(access, reference).await?;
        found.ok_or_else(|| RegistryError::ManifestUnknown(reference.to_string()))
    }
}
