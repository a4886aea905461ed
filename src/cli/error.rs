//! Errors of commands.

use std::io;

use thiserror::Error;

use crate::accounts::AccountsError;
use crate::auth::AuthError;
use crate::embedded::EmbeddedError;
use crate::outbound::TrustError;
use crate::registry::backup::BackupError;
use crate::seal::SecretError;
use crate::store::StoreError;

/// The error type of this room. Each message is one line, and holds no secret.
#[derive(Debug, Error)]
pub enum CliError {
    /// A bug: the command is declared, but not implemented.
    #[error("there is no command `{0}`")]
    Unknown(String),
    /// A password was given as an argument, where other users of the machine can read it.
    #[error(
        "a password must not be an argument, because every user of this machine can read it there: type it at the prompt, or pipe it to standard input with --password-stdin"
    )]
    PasswordArgument,
    /// The two passwords typed at the prompt differ.
    #[error("the two passwords differ")]
    PasswordsDiffer,
    /// Standard input or the prompt could not be read.
    #[error("cannot read {what}: {source}")]
    #[allow(missing_docs, reason = "the fields are their names")]
    Read { what: &'static str, source: io::Error },
    /// Standard output could not be written.
    #[error("cannot write the answer: {0}")]
    Write(io::Error),
    /// Manual pages or completions could not be written.
    #[error("cannot write the manual pages into {folder}: {source}")]
    #[allow(missing_docs, reason = "the fields are their names")]
    Manual { folder: String, source: io::Error },
    /// The certificate authorities to verify PostgreSQL by could not be read.
    #[error("OPEN_REGISTRY_DB_SSLROOTCERT: {0}")]
    Trust(#[from] TrustError),
    /// There are no signing keys, because no server with login has run on this database.
    #[error(
        "there is no signing key yet: a server with OPEN_REGISTRY_AUTH=token creates the first one when it starts"
    )]
    NoKey,
    /// No valid signing key has this name.
    #[error(
        "there is no valid signing key {0}; `af-registry keys list` shows those that there are"
    )]
    NoSuchKey(String),
    /// The registry's own PostgreSQL could not be started.
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
    /// The database could not be opened.
    #[error(
        "cannot use PostgreSQL at {address}: {source}; check OPEN_REGISTRY_DB_HOST and the other OPEN_REGISTRY_DB settings"
    )]
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
    /// There is no signing secret, or it cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The certificate authorities to verify Kubo by could not be read.
    #[error("OPEN_REGISTRY_DFS_IPFS_CA_FILE: {0}")]
    KuboTrust(TrustError),
    /// The certificate authorities to verify another node by could not be read.
    #[error("OPEN_REGISTRY_DFS_IPFS_REPAIR_URL: {0}")]
    SpareTrust(TrustError),
    /// A backup could not be made or restored.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// There is no blob with this digest.
    #[error("there is no blob {0}; the digest of a layer or a config stands in its manifest")]
    NoSuchBlob(String),
    /// There is neither a blob nor a manifest with this digest.
    #[error(
        "there is no blob and no manifest {0}; what nobody needs is gone after OPEN_REGISTRY_GC_WINDOW"
    )]
    NoSuchDigest(String),
    /// Nothing with this digest was deleted, or it is gone for good.
    #[error(
        "there is nothing to bring back: {0} was not deleted within OPEN_REGISTRY_GC_WINDOW, or its content is gone; push it again"
    )]
    NothingDeleted(String),
    /// A deletion could not be undone.
    #[error("it cannot be brought back: {0}")]
    NotRestored(String),
    /// Stored bytes could not be compared with their digests.
    #[error("nothing can be said about the stored bytes: {0}")]
    ScrubFailed(String),
    /// A run of a job failed.
    #[error("{name} failed: {reason}")]
    #[allow(missing_docs, reason = "the fields are their names")]
    JobFailed { name: &'static str, reason: String },
    /// Another instance runs the job.
    #[error("another instance runs {0} now; `af-registry jobs list` shows when it is done")]
    JobRunning(&'static str),
    /// The job works on the memory of a server, so a command cannot run it.
    #[error(
        "{0} only works on the memory of a server; each server runs it by itself, and no command can"
    )]
    JobOfServer(&'static str),
    /// With these settings no certificate is ordered.
    #[error(
        "keep-certificate has nothing to do: OPEN_REGISTRY_ACME_DOMAIN is not set, so no certificate is ordered"
    )]
    NoOrders,
    /// A bug: the address of Kubo was not looked up.
    #[error("the address of Kubo is not known")]
    NoKubo,
    /// A bug: the answer has no JSON form.
    #[error("cannot write the answer as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl CliError {
    pub(super) fn unknown(noun: &str, verb: &str) -> Self {
        Self::Unknown(format!("{noun} {verb}").trim_end().to_owned())
    }
}
