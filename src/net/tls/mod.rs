//! TLS of a listener: the certificate it uses, and the handshake.
//!
//! - [`Certificate`] is a chain with its key. They belong together and are valid now.
//! - [`ShownCertificate`] is the one that new handshakes use. A source of certificates calls
//!   [`show`](ShownCertificate::show) when it has a new one, from any task; open connections keep what they have.
//!   [`CertificateFile`] is such a source.
//! - [`ChallengeCertificates`] answers validations by TLS-ALPN-01 (RFC 8737). It is asked during a handshake, only for
//!   clients that offer `acme-tls/1` alone, and such a connection ends with its handshake.

mod acceptor;
mod certificate;
mod challenge;
mod client;
mod error;
mod file;
mod provider;
mod server;
#[cfg(test)]
mod tests;
mod tickets;
mod watch;

pub(super) use acceptor::{HandshakeFailure, Handshaken, SecureStream};
pub use certificate::{Certificate, ShownCertificate};
pub use challenge::ChallengeCertificates;
pub use client::{ClientIdentity, ClientRoots};
pub use error::TlsError;
pub use file::CertificateFile;
pub use server::{ServerTls, TlsOptions};
