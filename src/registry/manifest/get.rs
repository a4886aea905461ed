//! Reading manifests. Takes one round trip to PostgreSQL and none to Kubo. Requests of the same moment share it
//! (`store/db/rounds.rs`).

use crate::oci::{Digest, Reference};
use crate::policy::Keep;
use crate::registry::{Manifests, RegistryError};
use crate::rights::Access;
use crate::store::{KnownManifest, ManifestHead, StoredManifest};
use crate::telemetry::metrics;

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
        let (bodies, repository) = (self.0.bodies(), &access.repository);
        let guess = bodies.guess(repository, reference);
        let guessed = guess.as_ref().map(|guess| guess.digest.clone());
        let found = self.0.store().manifests().get(access, reference, guess).await?;
        if let Some(StoredManifest { digest, raw, .. }) = &found {
            let hit = guessed.as_ref() == Some(digest);
            metrics::looked_up(metrics::Cache::Manifests, hit);
            if !hit {
                let read = KnownManifest { digest: digest.clone(), raw: raw.clone() };
                bodies.keep(repository, reference, read);
            }
        }
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
        let keep = self.0.limits().ends.retention.keep(access.repository.as_str());
        let found = match reference {
            Reference::Digest(digest) if keep != Keep::Always => {
                self.head_and_save(access, digest).await?
            }
            _ => self.0.store().manifests().head(access, reference).await?,
        };
        found.ok_or_else(|| RegistryError::ManifestUnknown(reference.to_string()))
    }

    /// Finds a manifest that a policy may remove. Who pushes an index asks so whether its children are there, and can rely on
    /// the answer for an hour.
    async fn head_and_save(
        self,
        access: &Access,
        digest: &Digest,
    ) -> Result<Option<ManifestHead>, RegistryError> {
        let (store, quiet) = (self.0.store(), self.0.limits().ends.nearly_over());
        let mut found = store.manifests().head_expiring(access, digest, quiet).await?;
        if let Some((_, true)) = found
            && !Box::pin(store.reviews().save_manifest(access, digest)).await?
        {
            // The caller may only pull, or a review came first.
            found = store.manifests().head_expiring(access, digest, quiet).await?;
        }
        Ok(found.map(|(head, _)| head))
    }
}
