//! Why there is no new certificate.

use thiserror::Error;

use crate::net::TlsError;
use crate::store::StoreError;
use crate::telemetry::with_causes;

/// The one error of this room. Holds nothing of a key.
#[derive(Debug, Error)]
pub enum AcmeError {
    /// The directory could not be asked: nothing was ordered.
    #[error("the directory cannot be asked: {0}")]
    Unreachable(String),
    /// The directory refused, or could not see that a name is ours.
    #[error("the directory refused: {0}")]
    Refused(String),
    /// It took longer than an order may.
    #[error("the order did not come to its end in time")]
    Late,
    /// What was issued cannot be shown.
    #[error("what was issued cannot be shown: {0}")]
    Unfit(#[from] TlsError),
    /// A key could not be made, or the request written.
    #[error("a request cannot be made: {0}")]
    Request(#[from] rcgen::Error),
    /// The database did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AcmeError {
    /// The error of a step before there is an order.
    pub(super) fn before(error: instant_acme::Error) -> Self {
        match error {
            instant_acme::Error::Api(problem) => Self::Refused(problem.to_string()),
            error => Self::Unreachable(with_causes(&error)),
        }
    }

    /// The error of a step of an order.
    pub(super) fn during(error: instant_acme::Error) -> Self {
        Self::Refused(with_causes(&error))
    }
}
