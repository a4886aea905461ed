//! One writer at a time: locking an upload, and asking how far it got.

use std::time::Duration;

use tokio::sync::OwnedMutexGuard;
use tokio::time::timeout;

use super::session::Session;
use super::{UploadKey, UploadState};
use crate::registry::{RegistryError, Uploads};
use crate::store::Upload;

/// How long a request waits for the one before it on the same upload, which may be storing the last bytes of a
/// connection that broke.
const WRITER_WAIT: Duration = Duration::from_secs(10);

/// An upload that no other request of this process writes to.
pub(super) struct LockedUpload {
    pub(super) session: OwnedMutexGuard<Session>,
    pub(super) upload: Upload,
}

impl Uploads<'_> {
    /// How far an upload got. Waits for a request that still stores bytes in it.
    ///
    /// # Errors
    /// [`RegistryError::UploadUnknown`].
    pub async fn status(self, key: &UploadKey) -> Result<UploadState, RegistryError> {
        match self.lock(key).await {
            Ok(locked) => Ok(UploadState { id: key.id, received: locked.upload.received }),
            // Another request is still writing. Its rows say what is stored so far.
            Err(RegistryError::OutOfOrder { received }) => Ok(UploadState { id: key.id, received }),
            Err(error) => Err(error),
        }
    }

    /// Waits until no other request writes to the upload, and reads its row.
    ///
    /// # Errors
    /// [`RegistryError::OutOfOrder`] when the wait was too long.
    pub(super) async fn lock(self, key: &UploadKey) -> Result<LockedUpload, RegistryError> {
        // Before the wait, so that no session is made for an id that a client made up.
        let before = self.row(key).await?;
        let session = self.0.sessions().session(key.id.0).lock_owned();
        let Ok(session) = timeout(WRITER_WAIT, session).await else {
            return Err(RegistryError::OutOfOrder { received: before.received });
        };
        // After the wait, since the writer before has moved or ended the upload.
        match self.row(key).await {
            Ok(upload) => Ok(LockedUpload { session, upload }),
            Err(error) => {
                self.0.sessions().forget(key.id.0);
                Err(error)
            }
        }
    }

    async fn row(self, key: &UploadKey) -> Result<Upload, RegistryError> {
        let store = self.0.store();
        let upload = store.open_upload(&key.repository, key.id.0, &key.subject).await?;
        upload.ok_or(RegistryError::UploadUnknown)
    }
}
