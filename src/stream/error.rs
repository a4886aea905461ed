//! Why a wrapped body failed.

use std::time::Duration;

use thiserror::Error;

use crate::oci::Digest;

/// The failure of a wrapped body, or that of the body inside it. One type serves every wrapper.
#[derive(Debug, Error)]
pub enum StreamError<E> {
    /// The body inside failed.
    #[error(transparent)]
    Inner(#[from] E),
    /// No frame came in time.
    #[error("no byte came for {limit:?}")]
    Stalled {
        /// How long was waited.
        limit: Duration,
    },
    /// A body of known size ended early.
    #[error("the body ended after {received} of {expected} bytes")]
    Short {
        /// Bytes that came.
        received: u64,
        /// Bytes that were announced.
        expected: u64,
    },
    /// A body of known size did not end.
    #[error("the body goes on after its {expected} bytes")]
    Long {
        /// Bytes that were announced.
        expected: u64,
    },
    /// The bytes are not those of the digest.
    #[error("the bytes hash to {actual}, not to {expected}")]
    Mismatch {
        /// What they should have been.
        expected: Digest,
        /// What they are.
        actual: Digest,
    },
}
