//! The work that an expired token may still finish.

use crate::oci::UploadId;

/// The work that an expired token may still finish. A client that streams a layer for longer than its token lives learns
/// that the token has expired only after the whole layer is sent, and cannot start again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lenience {
    /// An expired token is refused.
    None,
    /// An upload session that its subject opened may be continued.
    Upload(UploadId),
    /// The manifest of blobs that its subject has just completed may be pushed.
    AfterPush,
}
