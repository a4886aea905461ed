//! Errors of outgoing connections.

use std::io;

use thiserror::Error;

use crate::config::ServerAddress;

/// Why a request to a server failed. [`with_causes`](crate::telemetry::with_causes) adds the underlying error.
#[derive(Debug, Error)]
pub enum OutboundError {
    /// The address of a request is not `https://host[:port]` with a path.
    #[error("`{0}` is not an https address")]
    Address(String),
    /// The name resolves only to addresses that [`Reach`](super::Reach) does not permit.
    #[error("{0} is not on the public internet, and its network is not permitted")]
    Forbidden(ServerAddress),
    /// The server did not accept a connection within the time for it.
    #[error("{0} did not accept a connection in time")]
    NotAccepted(ServerAddress),
    /// The connection was refused, or the name of the server could not be resolved.
    #[error("cannot connect to {address}")]
    #[allow(missing_docs, reason = "the fields are their names")]
    Connect { address: ServerAddress, source: io::Error },
    /// No authority is trusted, or the host has a form that no certificate can name.
    #[error("TLS with {0} is not possible")]
    NoTls(ServerAddress),
    /// The server did not finish the TLS handshake within the time for it.
    #[error("{0} did not finish the TLS handshake in time")]
    TlsLate(ServerAddress),
    /// The certificate of the server is not trusted, or the server does not speak TLS.
    #[error("the TLS handshake with {address} failed")]
    #[allow(missing_docs, reason = "the fields are their names")]
    Tls { address: ServerAddress, source: io::Error },
    /// The connection broke, or the answer is not HTTP.
    #[error("HTTP with {address} failed")]
    #[allow(missing_docs, reason = "the fields are their names")]
    Http { address: ServerAddress, source: hyper::Error },
    /// The complete answer did not arrive within the time for it.
    #[error("{0} did not answer in time")]
    Late(ServerAddress),
    /// The answer is longer than the caller permits.
    #[error("{0} answered with more than {1} bytes")]
    TooLong(ServerAddress, usize),
}
