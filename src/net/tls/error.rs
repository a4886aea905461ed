//! Why there is no certificate to show.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why TLS cannot be spoken, in one line. Holds nothing of a key.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file that is not there or not ours to read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file that is not what its setting says.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: Box<TlsError>,
    },
    /// A PEM text without a certificate.
    #[error("holds no certificate in PEM")]
    NoCertificate,
    /// A PEM text without a private key.
    #[error("holds no private key in PEM that is not encrypted")]
    NoKey,
    /// Bytes that are no certificate.
    #[error("a certificate cannot be read: {0}")]
    Garbled(String),
    /// A key of a kind that is not served.
    #[error("the key is none of RSA (2048 bits and more), ECDSA P-256, P-384 and Ed25519")]
    Kind,
    /// Two that do not belong together.
    #[error("the key is not that of the certificate")]
    Mismatch,
    /// A certificate of tomorrow.
    #[error("the certificate is not valid before {0}")]
    NotYet(String),
    /// A certificate of yesterday.
    #[error("the certificate expired on {0}")]
    Expired(String),
    /// Nothing a file can mend.
    #[error("TLS cannot be set up: {0}")]
    Setup(rustls::Error),
    /// Signals cannot be waited for.
    #[error("SIGHUP cannot be waited for: {0}")]
    Signal(io::Error),
}

impl TlsError {
    /// The same, said of the file it is about.
    pub(super) fn of(self, path: &std::path::Path) -> Self {
        Self::File { path: path.to_owned(), reason: Box::new(self) }
    }
}
