//! Why a wrapped body failed.

use std::time::Duration;

use thiserror::Error;

use crate::oci::Digest;

/// The failure of a wrapper, or of the body inside it. All wrappers share this type.
#[derive(Debug, Error)]
#[allow(missing_docs, reason = "the fields are their names")]
pub enum StreamError<E> {
    /// The body inside failed.
    #[error(transparent)]
    Inner(#[from] E),
    /// The body sent no frame in time.
    #[error("the body sent nothing for {limit:?}")]
    Stalled { limit: Duration },
    /// The body came slower than the minimum rate.
    #[error("the body came slower than {rate} bytes a second")]
    Slow { rate: u64 },
    /// The body ended before its announced size.
    #[error("the body ended after {received} of {expected} bytes")]
    Short { received: u64, expected: u64 },
    /// The body goes on after its announced size.
    #[error("the body goes on after its {expected} bytes")]
    Long { expected: u64 },
    /// The bytes hash to another digest than the expected one.
    #[error("the bytes hash to {actual}, not to {expected}")]
    Mismatch { expected: Digest, actual: Digest },
}
