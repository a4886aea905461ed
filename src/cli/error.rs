//! Why a command failed.

use std::io;

use thiserror::Error;

use crate::accounts::AccountsError;
use crate::auth::AuthError;
use crate::embedded::EmbeddedError;
use crate::outbound::TrustError;
use crate::store::StoreError;

/// The one error of this room. Each message is one line, and holds no secret.
#[derive(Debug, Error)]
pub enum CliError {
    /// A command that is declared, but not implemented: a bug.
    #[error("there is no command `{0}`")]
    Unknown(String),
    /// A password was given as an argument, where other users of the machine can read it.
    #[error(
        "a password is no argument, for everyone on this machine could read it there: type it at the prompt, or hand it in with --password-stdin"
    )]
    PasswordArgument,
    /// The two passwords typed at the prompt differ.
    #[error("the password was not the same both times")]
    PasswordsDiffer,
    /// Standard input or the prompt could not be read.
    #[error("cannot read {what}: {source}")]
    #[allow(missing_docs, reason = "the fields are their names")]
    Read { what: &'static str, source: io::Error },
    /// Standard output could not be written.
    #[error("cannot write the answer: {0}")]
    Write(io::Error),
    /// The certificate authorities to verify PostgreSQL by could not be read.
    #[error("OPEN_REGISTRY_DB_SSLROOTCERT: {0}")]
    Trust(#[from] TrustError),
    /// There are no signing keys, because no server with login has run on this database.
    #[error("there is no signing key yet: a server that asks for login makes the first")]
    NoKey,
    /// The registry's own PostgreSQL could not be started.
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
    /// The database could not be opened.
    #[error("PostgreSQL at {address}: {source}; OPEN_REGISTRY_DB_HOST and its kin say where it is")]
    #[allow(missing_docs, reason = "the fields are their names")]
    Connect { address: String, source: StoreError },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An operation on accounts failed.
    #[error(transparent)]
    Accounts(#[from] AccountsError),
    /// An operation on tokens or their keys failed.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The answer could not be written as JSON: a bug.
    #[error("cannot write the answer as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl CliError {
    pub(super) fn unknown(noun: &str, verb: &str) -> Self {
        Self::Unknown(format!("{noun} {verb}").trim_end().to_owned())
    }
}
