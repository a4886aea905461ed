//! The name of an upload and its progress.

use crate::oci::{RepositoryName, UploadId};

/// The name of an upload. All three parts must match the row, so that no request reaches the upload of another
/// repository or subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadKey {
    /// Repository that the blob is pushed to.
    pub repository: RepositoryName,
    /// Last segment of the upload's path.
    pub id: UploadId,
    /// Account that started the upload.
    pub subject: String,
}

/// The progress of an upload, as clients see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadState {
    /// Id of the upload.
    pub id: UploadId,
    /// Bytes that are durably stored.
    pub received: u64,
}
