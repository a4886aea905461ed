//! Starting an upload.

use super::UploadState;
use crate::oci::{Algorithm, RepositoryName, UploadId};
use crate::registry::{RegistryError, Uploads};

impl Uploads<'_> {
    /// Starts an upload that only `subject` may use. The client may announce the `algorithm` of the digest that it will
    /// name at the end.
    pub async fn start(
        self,
        repository: &RepositoryName,
        subject: &str,
        algorithm: Option<Algorithm>,
    ) -> Result<UploadState, RegistryError> {
        let id = self.0.store().uploads().start(repository, subject, algorithm).await?;
        Ok(UploadState { id: UploadId(id), received: 0 })
    }
}
