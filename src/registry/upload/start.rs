//! Starting an upload.

use tracing::info;

use super::UploadState;
use crate::oci::{Algorithm, RepositoryName, UploadId};
use crate::registry::{RegistryError, Uploads};
use crate::store::Started;
use crate::telemetry::metrics::{self, Refusal};

/// How much sooner uploads expire when their account has more than half as many as it may have: by default after an hour
/// instead of a day.
const EARLY: f64 = 24.0;

impl Uploads<'_> {
    /// Starts an upload that only `subject` may use. The client may announce the `algorithm` of the digest that it will
    /// name at the end.
    ///
    /// # Errors
    /// [`RegistryError::TooManyUploads`] when the subject has as many open uploads as it may have and none of them has
    /// been idle for long.
    /// [`RegistryError::DiskFull`] when the disk of private partners has little space left.
    pub async fn start(
        self,
        repository: &RepositoryName,
        subject: &str,
        algorithm: Option<Algorithm>,
    ) -> Result<UploadState, RegistryError> {
        self.0.check_disk().await?;
        self.0.namespaces().admit_repository(repository).await?;
        self.0.namespaces().admit_blob(repository, 0).await?;
        let uploads = self.0.store().uploads();
        let most = self.0.limits().open_uploads;
        let mut started = uploads.start(repository, subject, algorithm, most).await?;
        if started == Started::TooMany && self.expire_early(subject).await? > 0 {
            started = uploads.start(repository, subject, algorithm, most).await?;
        }
        let Started::Open { id, others } = started else {
            metrics::refused(Refusal::OpenUploads);
            return Err(RegistryError::TooManyUploads { most });
        };
        if others >= u64::from(most) / 2 {
            let (registry, subject) = (self.0.clone(), subject.to_owned());
            self.0.detached().start(async move {
                // The next upload of this subject tries again.
                let _ = registry.uploads().expire_early(&subject).await;
            });
        }
        Ok(UploadState { id: UploadId(id), received: 0 })
    }

    /// Ends uploads of a subject that has many, the ones that have been idle longest first. Returns their number.
    async fn expire_early(self, subject: &str) -> Result<u64, RegistryError> {
        let idle = self.0.limits().upload_idle.div_f64(EARLY);
        let ended = self.0.store().uploads().expire_of(subject, idle).await?;
        if ended > 0 {
            info!(
                event = "uploads_expired_early",
                subject,
                count = ended,
                "ended {ended} idle uploads of an account that has too many open ones"
            );
            self.0.pins().wake();
        }
        Ok(ended)
    }
}
