//! Why a command was not carried out.

use std::io;

use thiserror::Error;

use crate::accounts::{AccountName, AccountNameError, AccountsError};
use crate::auth::AuthError;
use crate::embedded::EmbeddedError;
use crate::oci::RepositoryName;
use crate::outbound::TrustError;
use crate::rights::Pattern;
use crate::store::StoreError;

/// The one error of this room. Each message is one line, and holds no secret.
#[derive(Debug, Error)]
pub enum AdminError {
    /// A command that is declared and not known.
    #[error("there is no command `{0}`")]
    Unknown(String),
    /// A password was given where everybody could read it.
    #[error(
        "a password is no argument, for everyone on this machine could read it there: type it at the prompt, or hand it in with --password-stdin"
    )]
    PasswordArgument,
    /// A password that is not taken.
    #[error("the password {0}")]
    Password(String),
    /// What was to be read could not be.
    #[error("cannot read {what}: {source}")]
    Read {
        /// The password, or the token.
        what: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The answer could not be written.
    #[error("cannot write the answer: {0}")]
    Write(io::Error),
    /// There are no authorities to verify PostgreSQL by.
    #[error("OPEN_REGISTRY_DB_SSLROOTCERT: {0}")]
    Trust(#[from] TrustError),
    /// Not the name of an account.
    #[error(transparent)]
    Name(#[from] AccountNameError),
    /// The name of a new account belongs to another one.
    #[error("there is an account {0} already")]
    Taken(AccountName),
    /// Nobody is called that.
    #[error("there is no account {0}")]
    NoAccount(AccountName),
    /// No repository is called that.
    #[error("there is no repository {0}")]
    NoRepository(RepositoryName),
    /// The account does not hold what was to be taken away.
    #[error("{account} holds no such grant on exactly {pattern}")]
    NoGrant {
        /// Who.
        account: AccountName,
        /// Where.
        pattern: Pattern,
    },
    /// A robot was to have rights beyond its namespace.
    #[error("{pattern} is not within {namespace}, and {account} is a robot of that namespace")]
    Outside {
        /// The robot.
        account: AccountName,
        /// Its namespace.
        namespace: RepositoryName,
        /// Where it was to have rights.
        pattern: Pattern,
    },
    /// Tokens were never asked for.
    #[error("there is no signing key yet: a server that asks for login makes the first")]
    NoKey,
    /// A private PostgreSQL that does not run.
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
    /// The database is not to be used.
    #[error("PostgreSQL at {address}: {source}; OPEN_REGISTRY_DB_HOST and its kin say where it is")]
    Connect {
        /// Where it was looked for.
        address: String,
        /// What it said.
        source: StoreError,
    },
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A password could not be hashed.
    #[error(transparent)]
    Accounts(#[from] AccountsError),
    /// A secret or a token could not be made or read.
    #[error(transparent)]
    Auth(#[from] AuthError),
}

impl AdminError {
    pub(super) fn unknown(noun: &str, verb: &str) -> Self {
        Self::Unknown(format!("{noun} {verb}").trim_end().to_owned())
    }
}
