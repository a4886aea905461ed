//! Why there is no new certificate.

use std::error::Error;

use thiserror::Error;

use crate::net::TlsError;
use crate::store::StoreError;

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
            error => Self::Unreachable(chain(&error)),
        }
    }

    /// The error of a step of an order.
    pub(super) fn during(error: instant_acme::Error) -> Self {
        Self::Refused(chain(&error))
    }
}

/// An error and what caused it, in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
