//! Reading manifests: one round trip, no Kubo.

use crate::oci::Reference;
use crate::registry::{Manifests, RegistryError};
use crate::rights::Access;
use crate::store::{ManifestHead, StoredManifest};

impl Manifests<'_> {
    /// A manifest, its bytes exactly as they were pushed.
    ///
    /// # Errors
    /// [`RegistryError::ManifestUnknown`].
    pub async fn read(
        self,
        access: &Access,
        reference: &Reference,
    ) -> Result<StoredManifest, RegistryError> {
        let found = self.0.store().manifest(access, reference).await?;
        found.ok_or_else(|| RegistryError::ManifestUnknown(reference.to_string()))
    }

    /// What a manifest is, without its bytes.
    ///
    /// # Errors
    /// [`RegistryError::ManifestUnknown`].
    pub async fn head(
        self,
        access: &Access,
        reference: &Reference,
    ) -> Result<ManifestHead, RegistryError> {
        let found = self.0.store().manifest_head(access, reference).await?;
        found.ok_or_else(|| RegistryError::ManifestUnknown(reference.to_string()))
    }
}
