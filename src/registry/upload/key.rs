//! Which upload a request is about, and how far it got.

use crate::oci::{RepositoryName, UploadId};

/// An upload, as a request names it. No request finds the upload of another repository or subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadKey {
    /// Repository that the blob is pushed to.
    pub repository: RepositoryName,
    /// Name of the upload.
    pub id: UploadId,
    /// Who started it.
    pub subject: String,
}

/// How far an upload got, as clients see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadState {
    /// Name of the upload.
    pub id: UploadId,
    /// Bytes that are durably stored.
    pub received: u64,
}
