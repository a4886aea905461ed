//! Why an operation of the registry did not succeed.

use thiserror::Error;

use crate::ipfs::IpfsError;
use crate::oci::{Digest, ManifestError};
use crate::store::StoreError;

/// The one error of this room. The edge maps each variant to a status and a code.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// The repository does not hold this blob.
    #[error("the repository has no blob {0}")]
    BlobUnknown(Digest),
    /// Whoever asks may not.
    #[error("you may not do this here")]
    Denied,
    /// A manifest of the repository still needs this blob.
    #[error(
        "blob {0} is still referenced by a manifest of this repository; delete the manifest first"
    )]
    BlobReferenced(Digest),
    /// The stored bytes of this blob are lost or do not hash to its digest; pushing it again heals it.
    #[error("the stored bytes of {0} are under quarantine")]
    Quarantined(Digest),
    /// The repository has no such tag or manifest.
    #[error("the repository has no manifest {0}")]
    ManifestUnknown(String),
    /// Bytes that are not a manifest this registry takes.
    #[error(transparent)]
    ManifestInvalid(#[from] ManifestError),
    /// Blobs or manifests that a manifest names and the repository does not hold.
    #[error("the manifest names content that this repository does not hold")]
    ReferencesUnknown(Vec<String>),
    /// Nothing was ever pushed under this name.
    #[error("no such repository")]
    RepositoryUnknown,
    /// The upload session does not exist, has ended, or belongs to somebody else.
    #[error("no such upload session; start a new one")]
    UploadUnknown,
    /// A chunk that does not begin where the upload stands. The session stays usable.
    #[error("the chunk does not continue the upload, which holds {received} bytes")]
    OutOfOrder {
        /// Bytes that are durably stored.
        received: u64,
    },
    /// The chunk's length is not what its range announced.
    #[error("the body has another length than its Content-Range says")]
    SizeMismatch,
    /// The content hashes to another digest than the one named.
    #[error("the content hashes to {actual}, not to {named}")]
    DigestMismatch {
        /// What the client said.
        named: Digest,
        /// What the bytes say.
        actual: Digest,
    },
    /// The client's body broke off or stalled; what was stored before stays.
    #[error("the request body ended early: {0}")]
    Body(String),
    /// Too much is under way already.
    #[error("too many uploads are under way")]
    Overloaded,
    /// PostgreSQL failed.
    #[error(transparent)]
    Store(StoreError),
    /// Kubo failed.
    #[error(transparent)]
    Ipfs(#[from] IpfsError),
    /// Work of our own ended without an answer: a task panicked, or the process is stopping.
    #[error("an operation was cut off: {0}")]
    Cut(String),
}

/// Whose fault an error is, when it is not the request's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A partner does not answer, or what it holds is lost: trying again later may help.
    Unavailable,
    /// Something is wrong that waiting does not mend.
    Internal,
}

impl RegistryError {
    /// Tells apart what the request did from what the registry and its partners could not do.
    pub fn fault(&self) -> Option<Fault> {
        match self {
            Self::Store(StoreError::Unavailable(..) | StoreError::Conflict(..))
            | Self::Overloaded
            | Self::Quarantined(_) => Some(Fault::Unavailable),
            Self::Ipfs(IpfsError::Refused { .. }) | Self::Store(_) | Self::Cut(_) => {
                Some(Fault::Internal)
            }
            Self::Ipfs(_) => Some(Fault::Unavailable),
            Self::BlobReferenced(_)
            | Self::BlobUnknown(_)
            | Self::Body(_)
            | Self::Denied
            | Self::DigestMismatch { .. }
            | Self::ManifestInvalid(_)
            | Self::ManifestUnknown(_)
            | Self::OutOfOrder { .. }
            | Self::ReferencesUnknown(_)
            | Self::RepositoryUnknown
            | Self::SizeMismatch
            | Self::UploadUnknown => None,
        }
    }
}

impl From<StoreError> for RegistryError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Denied => Self::Denied,
            other => Self::Store(other),
        }
    }
}
