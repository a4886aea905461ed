//! Why an operation of the registry failed.

use thiserror::Error;

use super::upload::UploadKey;
use crate::ipfs::IpfsError;
use crate::ipld::Cid;
use crate::oci::{Digest, ManifestError};
use crate::store::StoreError;

/// The one error of this room. HTTP maps each variant to a status and a code.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// The repository does not hold this blob.
    #[error("the repository has no blob {0}")]
    BlobUnknown(Digest),
    /// The row says that the caller lacks the right.
    #[error("you do not have the right to do this in this repository")]
    Denied,
    /// The blob is larger than the registry takes.
    #[error(
        "the blob has at least {size} bytes, and a blob may have {most} at most (OPEN_REGISTRY_LIMIT_BLOB_BYTES)"
    )]
    #[allow(missing_docs, reason = "the fields are their names")]
    BlobTooLarge { size: u64, most: u64 },
    /// The namespace holds as much as it may. The text says the rule and the numbers.
    #[error("{0}")]
    NamespaceFull(String),
    /// A manifest of the repository still needs this blob.
    #[error(
        "blob {0} is still referenced by a manifest of this repository; delete the manifest first"
    )]
    BlobReferenced(Digest),
    /// The stored bytes of this blob are lost or do not hash to its digest. Pushing it again repairs it.
    #[error("the stored bytes of {0} are under quarantine")]
    Quarantined(Digest),
    /// The repository has no such tag or manifest.
    #[error("the repository has no manifest {0}")]
    ManifestUnknown(String),
    /// The bytes are not a manifest that this registry accepts.
    #[error(transparent)]
    ManifestInvalid(#[from] ManifestError),
    /// Blobs or manifests that a manifest names and the repository does not hold.
    #[error("the manifest names content that this repository does not hold")]
    ReferencesUnknown(Vec<String>),
    /// Nothing was ever pushed under this name.
    #[error("no such repository")]
    RepositoryUnknown,
    /// The upload does not exist, has ended, or belongs to another subject.
    #[error("no such upload session; start a new one")]
    UploadUnknown,
    /// A chunk that does not begin where the upload ends. The upload stays open.
    #[error("the chunk does not continue the upload, which holds {received} bytes")]
    OutOfOrder {
        /// The upload that the chunk belongs to.
        key: UploadKey,
        /// Bytes that are durably stored.
        received: u64,
    },
    /// The body is shorter or longer than its chunk announces.
    #[error("the length of the body is not that of its Content-Range")]
    SizeMismatch,
    /// The content hashes to another digest than the one that the client named.
    #[error("the content hashes to {actual}, not to {named}")]
    #[allow(missing_docs, reason = "the fields are their names")]
    DigestMismatch { named: Digest, actual: Digest },
    /// The client's body broke off or stalled. Bytes that were stored before stay.
    #[error("the request body ended early: {0}")]
    Body(String),
    /// The account has as many open uploads as it may have.
    #[error(
        "you have {most} open uploads, the most that an account may have; finish or cancel some"
    )]
    TooManyUploads {
        /// The most that it may have.
        most: u32,
    },
    /// The disk of the private partners has little space left.
    #[error(
        "the disk of the registry has {} MiB left, and {} MiB are kept free; nothing can be pushed until its operator makes room",
        free >> 20,
        least >> 20
    )]
    #[allow(missing_docs, reason = "the fields are their names")]
    DiskFull { free: u64, least: u64 },
    /// No slot became free in time.
    #[error("too many uploads are under way")]
    Overloaded,
    /// Blocks are being removed, and nothing new can be stored meanwhile.
    #[error("the registry is removing what no image needs; pushes go on in a moment")]
    Collecting,
    /// Another request has been pinning the same content for too long.
    #[error("another request is still storing the same content ({0})")]
    Claimed(Cid),
    /// PostgreSQL failed or did not answer in time.
    #[error(transparent)]
    Store(StoreError),
    /// Kubo failed or did not answer in time.
    #[error(transparent)]
    Ipfs(#[from] IpfsError),
    /// A task ended without a result: it panicked, or the process is stopping.
    #[error("an operation ended without a result: {0}")]
    Cut(String),
}

/// Kind of a failure that the request did not cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A partner does not answer, or its data is lost. A later try may succeed.
    Unavailable,
    /// Something is broken that waiting does not repair.
    Internal,
}

impl RegistryError {
    /// The kind of failure, or `None` when the request itself caused the error.
    pub fn fault(&self) -> Option<Fault> {
        match self {
            Self::Overloaded
            | Self::Claimed(_)
            | Self::Collecting
            | Self::Quarantined(_)
            | Self::Store(StoreError::Unavailable(..) | StoreError::Conflict(..)) => {
                Some(Fault::Unavailable)
            }
            Self::Cut(_) | Self::Store(_) | Self::Ipfs(IpfsError::Refused { .. }) => {
                Some(Fault::Internal)
            }
            Self::Ipfs(_) => Some(Fault::Unavailable),
            _ => None,
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
