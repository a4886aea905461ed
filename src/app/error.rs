//! The error of this room.

use thiserror::Error;

use crate::accounts::AccountsError;
use crate::auth::AuthError;
use crate::embedded::EmbeddedError;
use crate::net::{BindError, InheritedError, TlsError};
use crate::outbound::TrustError;
use crate::seal::SecretError;
use crate::store::StoreError;

/// The reason why the server did not start. Each message is one line that says what is wrong and how to fix it.
#[derive(Debug, Error)]
#[allow(missing_docs, reason = "the fields are their names")]
pub enum AppError {
    /// A port cannot be opened: another process uses it, or the address does not belong to this machine.
    #[error("{source}; choose another with {settings}")]
    Bind {
        source: BindError,
        /// Settings to change.
        settings: &'static str,
    },
    /// A socket that systemd passes cannot be used.
    #[error(transparent)]
    Inherited(#[from] InheritedError),
    /// Signals cannot be handled, or the recorder of the metrics cannot be installed.
    #[error("cannot set up the process: {0}")]
    Setup(String),
    /// The certificate, or the authorities for client certificates, cannot be used.
    #[error("{0}; see OPEN_REGISTRY_TLS_CERT_FILE, _KEY_FILE and _CLIENT_CA_FILE")]
    Tls(#[from] TlsError),
    /// A private PostgreSQL or Kubo did not start.
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
    /// PostgreSQL cannot be reached, or its database cannot be used.
    #[error(
        "PostgreSQL at {address}: {source}; check OPEN_REGISTRY_DB_HOST and the other settings of PostgreSQL"
    )]
    Store { address: String, source: StoreError },
    /// There is no signing secret.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The signing keys cannot be loaded or created, so nobody could log in.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The first administrator cannot be created.
    #[error(
        "cannot create the first administrator: {0}; check OPEN_REGISTRY_ADMIN_USER and OPEN_REGISTRY_ADMIN_PASSWORD"
    )]
    Admin(#[from] AccountsError),
    /// The certificate authorities to verify a partner by cannot be read.
    #[error("{settings}: {source}")]
    Trust {
        /// Setting that names their file.
        settings: &'static str,
        source: TrustError,
    },
    /// Kubo cannot be reached, or is too old.
    #[error("Kubo at {address}: {reason}; OPEN_REGISTRY_DFS_IPFS_API_URL names its RPC API")]
    Kubo { address: String, reason: String },
}
