//! Why somebody is not let through.

use std::time::Duration;

use thiserror::Error;

use crate::accounts::AccountsError;
use crate::seal::SecretError;
use crate::store::StoreError;
use crate::telemetry::metrics::Refusal;

/// The one error of this room.
#[derive(Clone, Debug, Error)]
pub enum AuthError {
    /// Nobody said who asks, and that must be known.
    #[error("log in first")]
    Login,
    /// Name and password, or an authority's word, do not fit an account that may log in.
    #[error("user name or password is wrong")]
    Credentials,
    /// A token that does not hold. Why is for the log only.
    #[error("the token is not valid: {0}")]
    Token(&'static str),
    /// The token holds and is not good for this.
    #[error("the token does not cover this")]
    Scope,
    /// The caller is known and may not.
    #[error("you may not do this here")]
    Denied,
    /// Too many attempts, or too many tokens.
    #[error("too many attempts; try again later")]
    TooMany {
        /// After how long.
        retry: Duration,
    },
    /// Credentials or a request for a token that cannot be read.
    #[error("{0}")]
    Malformed(String),
    /// PostgreSQL does not answer; trying again later may help.
    #[error("{0}")]
    Unavailable(StoreError),
    /// A mistake of this program, or of its set-up.
    #[error("{0}")]
    Internal(String),
}

impl AuthError {
    /// The reason under which a refusal is counted; `None` for what is no refusal.
    pub fn reason(&self) -> Option<Refusal> {
        match self {
            Self::Login => Some(Refusal::NoLogin),
            Self::Credentials => Some(Refusal::Credentials),
            Self::Token(_) => Some(Refusal::Token),
            Self::Scope => Some(Refusal::Scope),
            Self::Denied => Some(Refusal::Denied),
            Self::Malformed(_) => Some(Refusal::Malformed),
            // Counted by the limit that it went over.
            Self::TooMany { .. } => None,
            Self::Unavailable(_) | Self::Internal(_) => None,
        }
    }
}

impl From<StoreError> for AuthError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Conflict(_) => Self::Unavailable(error),
            StoreError::Denied => Self::Denied,
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<AccountsError> for AuthError {
    fn from(error: AccountsError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<SecretError> for AuthError {
    fn from(error: SecretError) -> Self {
        Self::Internal(error.to_string())
    }
}
