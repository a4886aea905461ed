//! Why the server did not start.

use thiserror::Error;

use crate::accounts::AccountsError;
use crate::auth::AuthError;
use crate::embedded::EmbeddedError;
use crate::net::{BindError, TlsError};
use crate::outbound::TrustError;
use crate::seal::SecretError;
use crate::store::StoreError;

/// Why the server did not start, in one line that says what and how to mend it.
#[derive(Debug, Error)]
pub enum AppError {
    /// An address that is taken, or not ours.
    #[error("{source}; choose another with {settings}")]
    Bind {
        /// What the system said of which address.
        source: BindError,
        /// The settings that name it.
        settings: &'static str,
    },
    /// Signals cannot be waited for, or the metrics not be gathered.
    #[error("the process cannot be set up: {0}")]
    Setup(String),
    /// There is no certificate to show, or none to check clients by.
    #[error("{0}; see OPEN_REGISTRY_TLS_CERT_FILE, _KEY_FILE and _CLIENT_CA_FILE")]
    Tls(#[from] TlsError),
    /// A private PostgreSQL or Kubo did not start.
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
    /// The database is not to be used.
    #[error("PostgreSQL at {address}: {source}; OPEN_REGISTRY_DB_HOST and its kin say where it is")]
    Store {
        /// Where it was looked for.
        address: String,
        /// What it said.
        source: StoreError,
    },
    /// There is no signing secret.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Nobody could log in.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The first administrator cannot be made.
    #[error(
        "the first administrator: {0}; see OPEN_REGISTRY_ADMIN_USER and OPEN_REGISTRY_ADMIN_PASSWORD"
    )]
    Admin(#[from] AccountsError),
    /// There are no authorities to verify a partner by.
    #[error("{settings}: {source}")]
    Trust {
        /// The setting that names them.
        settings: &'static str,
        /// What is wrong with them.
        source: TrustError,
    },
    /// Kubo is not to be used.
    #[error("Kubo at {address}: {reason}; OPEN_REGISTRY_DFS_IPFS_API_URL names its RPC API")]
    Kubo {
        /// Where it was looked for.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
}
