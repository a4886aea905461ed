//! Finding a blob in a repository.

use crate::ipld::Cid;
use crate::oci::Digest;
use crate::registry::{Blobs, RegistryError};
use crate::rights::Access;

/// A blob that a repository holds.
#[derive(Clone, Debug)]
pub struct Blob {
    /// The digest under which it was asked for.
    pub digest: Digest,
    /// The file in Kubo that holds its bytes.
    pub cid: Cid,
    /// Its length in bytes.
    pub size: u64,
}

impl Blobs<'_> {
    /// Finds a blob for a `HEAD`. Kubo is not asked.
    ///
    /// # Errors
    /// [`RegistryError::BlobUnknown`], also for a blob under quarantine: a client that asks whether it must push
    /// then pushes, and that repairs the blob.
    pub async fn head(self, access: &Access, digest: &Digest) -> Result<Blob, RegistryError> {
        match self.find(access, digest).await {
            Err(RegistryError::Quarantined(digest)) => Err(RegistryError::BlobUnknown(digest)),
            other => other,
        }
    }

    /// Finds a blob to read.
    ///
    /// # Errors
    /// [`RegistryError::BlobUnknown`], [`RegistryError::Quarantined`].
    pub async fn find(self, access: &Access, digest: &Digest) -> Result<Blob, RegistryError> {
        match self.0.store().linked_blob(access, digest).await? {
            None => Err(RegistryError::BlobUnknown(digest.clone())),
            Some(row) if row.quarantined => Err(RegistryError::Quarantined(digest.clone())),
            Some(row) => Ok(Blob { digest: digest.clone(), cid: row.cid, size: row.size }),
        }
    }
}
