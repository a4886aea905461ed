//! Cancelling an upload.

use super::UploadKey;
use crate::registry::{RegistryError, Uploads};

impl Uploads<'_> {
    /// Ends an upload and queues its parts for unpinning.
    ///
    /// # Errors
    /// [`RegistryError::UploadUnknown`].
    pub async fn cancel(self, key: &UploadKey) -> Result<(), RegistryError> {
        let store = self.0.store();
        let found = store.uploads().cancel(&key.repository, key.id.0, &key.subject).await?;
        self.0.pins().wake();
        if found { Ok(()) } else { Err(RegistryError::UploadUnknown) }
    }
}
