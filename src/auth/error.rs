//! Errors of authentication and authorization.

use std::time::Duration;

use thiserror::Error;

use crate::accounts::AccountsError;
use crate::seal::SecretError;
use crate::store::StoreError;
use crate::telemetry::metrics::Refusal;

/// The error type of this room. Clients see the messages, except the details of `Token`, `Unavailable` and `Internal`.
#[derive(Clone, Debug, Error)]
pub enum AuthError {
    /// The caller is anonymous, and must log in.
    #[error("log in first")]
    Login,
    /// User name, password or client certificate do not belong to an account that may log in.
    #[error("user name or password is wrong")]
    Credentials,
    /// The token is not valid. Only the log has the reason, because it would help somebody who forges tokens.
    #[error("the token is not valid: {0}")]
    Token(&'static str),
    /// The token is valid, but lacks the scope.
    #[error("the token does not have the scope for this")]
    Scope,
    /// The caller has logged in, but has no right to do this.
    #[error("you have no right to do this here")]
    Denied,
    /// Too many failed logins, or too many tokens, in a short time.
    #[error("too many attempts; try again later")]
    TooMany {
        /// Time until the next attempt is allowed.
        retry: Duration,
    },
    /// Too many other logins wait for the comparison of their passwords; trying again soon may help.
    #[error("too many logins at the same time; try again soon")]
    Busy,
    /// The request for a token is malformed, or this server issues none.
    #[error("{0}")]
    Malformed(String),
    /// PostgreSQL does not answer. Trying again later may help.
    #[error("{0}")]
    Unavailable(StoreError),
    /// A bug, or a mistake in the set-up of the server.
    #[error("{0}")]
    Internal(String),
}

impl AuthError {
    /// The reason under which the metrics count a refusal. `None` if this is no refusal, or is counted elsewhere.
    pub fn reason(&self) -> Option<Refusal> {
        match self {
            Self::Login => Some(Refusal::NoLogin),
            Self::Credentials => Some(Refusal::Credentials),
            Self::Token(_) => Some(Refusal::Token),
            Self::Scope => Some(Refusal::Scope),
            Self::Denied => Some(Refusal::Denied),
            Self::Malformed(_) => Some(Refusal::Malformed),
            Self::Busy => Some(Refusal::LoginQueue),
            // `auth/limits.rs` counts it by the limit that was exceeded.
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
