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
    /// Finds a blob without reading it: for `HEAD`, where Kubo is not asked. A client asks so whether it must push the blob,
    /// so one that may push can rely on the answer for an hour.
    ///
    /// # Errors
    /// [`RegistryError::BlobUnknown`], also for a blob under quarantine. A client that checks whether it must push
    /// then pushes the blob again, which repairs it.
    pub async fn head(self, access: &Access, digest: &Digest) -> Result<Blob, RegistryError> {
        let quiet = self.0.limits().ends.nearly_over();
        let mut found = self.0.store().blobs().head(access, digest, quiet).await?;
        if let Some((_, true)) = found
            && !Box::pin(self.0.store().reviews().save(access, digest)).await?
        {
            // The caller may only pull, or a review came first.
            found = self.0.store().blobs().head(access, digest, quiet).await?;
        }
        match found {
            Some((row, _)) if !row.quarantined => {
                Ok(Blob { digest: digest.clone(), cid: row.cid, size: row.size })
            }
            _ => Err(RegistryError::BlobUnknown(digest.clone())),
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
