//! The error of this room.

use thiserror::Error;

use crate::net::TlsError;
use crate::store::StoreError;
use crate::telemetry::with_causes;

/// The error of this room. Its text contains nothing of a key.
#[derive(Debug, Error)]
pub enum AcmeError {
    /// The directory did not answer, so nothing was ordered.
    #[error("the directory does not answer: {0}")]
    Unreachable(String),
    /// The directory refused the order, or could not validate a name.
    #[error("the directory refused: {0}")]
    Refused(String),
    /// The order took too long.
    #[error("the directory did not complete the order in time")]
    Late,
    /// The issued certificate cannot be used.
    #[error("the issued certificate cannot be used: {0}")]
    Unfit(#[from] TlsError),
    /// A key or a certificate request could not be created.
    #[error("cannot create a key or a certificate request: {0}")]
    Request(#[from] rcgen::Error),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AcmeError {
    /// The error of a step before the order is placed.
    pub(super) fn before(error: instant_acme::Error) -> Self {
        match error {
            instant_acme::Error::Api(problem) => Self::Refused(problem.to_string()),
            error => Self::Unreachable(with_causes(&error)),
        }
    }

    /// The error of a step after the order was placed.
    pub(super) fn during(error: instant_acme::Error) -> Self {
        Self::Refused(with_causes(&error))
    }
}
