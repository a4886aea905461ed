//! Locking an upload, so that it has one writer at a time, and asking for its progress.

use std::time::Duration;

use tokio::time::timeout;

use super::turns::Turn;
use super::{UploadKey, UploadState};
use crate::registry::{RegistryError, Uploads};
use crate::store::Upload;

/// How long a request waits for an earlier one on the same upload, which may still be storing the bytes of a connection
/// that broke.
const WRITER_WAIT: Duration = Duration::from_secs(10);

/// An upload that no other request of this process writes to.
pub(super) struct LockedUpload {
    pub(super) upload: Upload,
    /// Length of the upload when the request came.
    pub(super) asked_at: u64,
    _turn: Turn,
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
        let (turns, id) = (self.0.turns(), key.id.0);
        let (turn, before) = match turns.take(id) {
            Some(turn) => (turn, None),
            None => {
                let before = self.row(key).await?.received;
                let Ok(turn) = timeout(WRITER_WAIT, turns.wait(id)).await else {
                    return Err(RegistryError::OutOfOrder { key: key.clone(), received: before });
                };
                (turn, Some(before))
            }
        };
        // The writer before may have added bytes or ended the upload.
        let upload = self.row(key).await?;
        Ok(LockedUpload { asked_at: before.unwrap_or(upload.received), upload, _turn: turn })
    }

    async fn row(self, key: &UploadKey) -> Result<Upload, RegistryError> {
        let store = self.0.store();
        let upload = store.uploads().get(&key.repository, key.id.0, &key.subject).await?;
        upload.ok_or(RegistryError::UploadUnknown)
    }
}
