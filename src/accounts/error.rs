//! Why an operation on an account failed.

use thiserror::Error;

/// The one error of this room. Each message is one line, and holds no secret.
#[derive(Clone, Debug, Error)]
pub enum AccountsError {
    /// A bug or a broken environment, such as a thread that could not be started.
    #[error("{0}")]
    Internal(String),
}
