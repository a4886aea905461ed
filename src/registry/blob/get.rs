//! Finding a blob in a repository.

use crate::ipld::Cid;
use crate::oci::Digest;
use crate::registry::{Blobs, RegistryError};
use crate::rights::Access;

/// A blob that a repository holds.
#[derive(Clone, Debug)]
pub struct Blob {
    /// Digest that the client asked for.
    pub digest: Digest,
    /// CID of the file in Kubo that holds its bytes.
    pub cid: Cid,
    /// Length of the blob in bytes.
    pub size: u64,
}

impl Blobs<'_> {
    /// Finds a blob without reading it: for `HEAD`, where Kubo is not asked.
    ///
    /// # Errors
    /// [`RegistryError::BlobUnknown`], also for a blob under quarantine. A client that checks whether it must push
    /// then pushes the blob again, which repairs it.
    pub async fn head(self, access: &Access, digest: &Digest) -> Result<Blob, RegistryError> {
        match self.get(access, digest).await {
            Err(RegistryError::Quarantined(digest)) => Err(RegistryError::BlobUnknown(digest)),
            other => other,
        }
    }

    /// Finds a blob to read.
    ///
    /// # Errors
    /// [`RegistryError::BlobUnknown`], [`RegistryError::Quarantined`].
    pub async fn get(self, access: &Access, digest: &Digest) -> Result<Blob, RegistryError> {
        match self.0.store().blobs().get(access, digest).await? {
            None => Err(RegistryError::BlobUnknown(digest.clone())),
            Some(row) if row.quarantined => Err(RegistryError::Quarantined(digest.clone())),
            Some(row) => Ok(Blob { digest: digest.clone(), cid: row.cid, size: row.size }),
        }
    }
}
