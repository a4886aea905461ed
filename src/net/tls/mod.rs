//! https: which certificate is shown, to whom, and how a handshake is made.
//!
//! - [`Certificate`] is a chain with its key, checked to fit each other and to be in date.
//! - [`ShownCertificate`] is the one that new handshakes get. Whoever has a better one calls
//!   [`show`](ShownCertificate::show), from any task, as often as it likes; open connections keep what they have.
//!   Files do so by [`CertificateFile`]; another source needs nothing but this call.
//! - [`ChallengeCertificates`] answers validation by TLS-ALPN-01 (RFC 8737): it is asked in mid-handshake, only for
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

pub(super) use acceptor::{Flaw, Handshaken, SecureStream};
pub use certificate::{Certificate, ShownCertificate};
pub use challenge::ChallengeCertificates;
pub use client::{ClientIdentity, ClientRoots};
pub use error::TlsError;
pub use file::CertificateFile;
pub use server::{ServerTls, TlsOptions};
