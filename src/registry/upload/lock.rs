//! Locking an upload, so that it has one writer at a time, and asking for its progress.

use std::time::Duration;

use tokio::sync::OwnedMutexGuard;
use tokio::time::timeout;

use super::session::Session;
use super::{UploadKey, UploadState};
use crate::registry::{RegistryError, Uploads};
use crate::store::Upload;

/// How long a request waits for an earlier one on the same upload, which may still be storing the bytes of a connection
/// that broke.
const WRITER_WAIT: Duration = Duration::from_secs(10);

/// An upload that no other request of this process writes to.
pub(super) struct LockedUpload {
    pub(super) session: OwnedMutexGuard<Session>,
    pub(super) upload: Upload,
    /// Length of the upload when the request came.
    pub(super) asked_at: u64,
}

impl Uploads<'_> {
    /// The progress of an upload. Waits for a request that still stores bytes in it.
    ///
    /// # Errors
    /// [`RegistryError::UploadUnknown`].
    pub async fn status(self, key: &UploadKey) -> Result<UploadState, RegistryError> {
        match self.lock(key).await {
            Ok(locked) => Ok(UploadState { id: key.id, received: locked.upload.received }),
            // The other request is still writing. The rows say what is stored so far.
            Err(RegistryError::OutOfOrder { received, .. }) => {
                Ok(UploadState { id: key.id, received })
            }
            Err(error) => Err(error),
        }
    }

    /// Waits until no other request writes to the upload, and reads its row.
    ///
    /// # Errors
    /// [`RegistryError::OutOfOrder`] when the wait was too long.
    pub(super) async fn lock(self, key: &UploadKey) -> Result<LockedUpload, RegistryError> {
        // The row is read before the wait, too: an unknown id must not leave a session behind.
        let before = self.row(key).await?;
        let session = self.0.sessions().session(key.id.0).lock_owned();
        let Ok(session) = timeout(WRITER_WAIT, session).await else {
            return Err(RegistryError::OutOfOrder { key: key.clone(), received: before.received });
        };
        // The writer before may have added bytes or ended the upload.
        match self.row(key).await {
            Ok(upload) => Ok(LockedUpload { session, upload, asked_at: before.received }),
            Err(error) => {
                self.0.sessions().forget(key.id.0);
                Err(error)
            }
        }
    }

    async fn row(self, key: &UploadKey) -> Result<Upload, RegistryError> {
        let store = self.0.store();
        let upload = store.uploads().get(&key.repository, key.id.0, &key.subject).await?;
        upload.ok_or(RegistryError::UploadUnknown)
    }
}
