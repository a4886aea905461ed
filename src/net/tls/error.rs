//! Errors of certificates and of TLS.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why TLS cannot be set up, in one line. Never contains a part of a key.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file does not exist or cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    #[allow(missing_docs, reason = "the fields are their names")]
    Read { path: PathBuf, source: io::Error },
    /// The content of a file is not what its setting needs.
    #[error("{}: {reason}", path.display())]
    #[allow(missing_docs, reason = "the fields are their names")]
    File { path: PathBuf, reason: Box<TlsError> },
    /// A PEM text contains no certificate.
    #[error("contains no certificate in PEM form")]
    NoCertificate,
    /// A PEM text contains no revocation list.
    #[error("contains no certificate revocation list in PEM form")]
    NoRevocations,
    /// A PEM text contains no private key.
    #[error("contains no private key in PEM form, or an encrypted one")]
    NoKey,
    /// A certificate is malformed.
    #[error("the certificate is malformed: {0}")]
    Garbled(String),
    /// A revocation list is malformed.
    #[error("the certificate revocation list is malformed: {0}")]
    GarbledRevocations(String),
    /// The key is of a kind that is not supported.
    #[error(
        "the key is of an unsupported kind; use RSA (2048 bits or more), ECDSA P-256, ECDSA P-384 or Ed25519"
    )]
    Kind,
    /// Key and certificate do not belong together.
    #[error("the key does not belong to the certificate")]
    Mismatch,
    /// The certificate is not valid yet.
    #[error("the certificate is not valid before {0}")]
    NotYet(String),
    /// The certificate has expired.
    #[error("the certificate expired on {0}")]
    Expired(String),
    /// The TLS library refused its configuration.
    #[error("TLS cannot be set up: {0}")]
    Setup(rustls::Error),
    /// No handler for SIGHUP could be installed.
    #[error("cannot handle SIGHUP: {0}")]
    Signal(io::Error),
}

impl TlsError {
    /// Adds the file that the error is about.
    pub(super) fn of(self, path: &std::path::Path) -> Self {
        Self::File { path: path.to_owned(), reason: Box::new(self) }
    }
}
