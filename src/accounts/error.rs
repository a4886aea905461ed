//! Errors of operations on accounts.

use thiserror::Error;

use super::{AccountName, AccountNameError};
use crate::oci::RepositoryName;
use crate::rights::Pattern;
use crate::store::StoreError;

/// The error type of this room. Each message is one line, and holds no secret.
#[derive(Clone, Debug, Error)]
pub enum AccountsError {
    /// The name is malformed, or belongs to the other kind of account.
    #[error(transparent)]
    Name(#[from] AccountNameError),
    /// The password is not acceptable. The text says why, and goes on after "the password".
    #[error("the password {0}")]
    Password(String),
    /// The name of a new account belongs to another account.
    #[error("there is an account {0} already; choose another name")]
    Taken(AccountName),
    /// No account has this name.
    #[error("there is no account {0}")]
    NoAccount(AccountName),
    /// No repository has this name.
    #[error("there is no repository {0}")]
    NoRepository(RepositoryName),
    /// The account does not hold the grant that was to be removed.
    #[error("{account} has no such role on exactly the pattern {pattern}")]
    #[allow(missing_docs, reason = "the fields are their names")]
    NoGrant { account: AccountName, pattern: Pattern },
    /// A robot was to get rights beyond its namespace.
    #[error(
        "a robot may have rights in its own namespace only: {account} belongs to {namespace}, and {pattern} is not within {namespace}"
    )]
    #[allow(missing_docs, reason = "the fields are their names")]
    OutsideNamespace { account: AccountName, namespace: RepositoryName, pattern: Pattern },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A password could not be hashed. This is a bug, or the process is out of resources.
    #[error("{0}")]
    Internal(String),
}
