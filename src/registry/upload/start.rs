//! Opening an upload session.

use super::UploadState;
use crate::oci::{Algorithm, RepositoryName, UploadId};
use crate::registry::{Registry, RegistryError};

impl Registry {
    /// Opens a session that only `subject` may use. `algorithm` is what the client says its digest will be of.
    ///
    /// # Errors
    /// Only those of the store.
    pub async fn start_upload(
        &self,
        repository: &RepositoryName,
        subject: &str,
        algorithm: Option<Algorithm>,
    ) -> Result<UploadState, RegistryError> {
        let id = self.store().start_upload(repository, subject, algorithm).await?;
        Ok(UploadState { id: UploadId(id), received: 0 })
    }
}
