//! Why a server could not be asked.

use std::io;

use thiserror::Error;

use crate::config::ServerAddress;

/// Why a server could not be asked. [`with_causes`](crate::telemetry::with_causes) tells all of it.
#[derive(Debug, Error)]
pub enum OutboundError {
    /// The address of a request is not `https://host[:port]` with a path.
    #[error("`{0}` is not an https address")]
    Address(String),
    /// The name resolves only to addresses that [`Reach`](super::Reach) does not permit.
    #[error("{0} is not on the public internet, and its network is not permitted")]
    Forbidden(ServerAddress),
    /// No connection within the time for it.
    #[error("{0} did not accept a connection in time")]
    NotAccepted(ServerAddress),
    /// The system could not make a connection.
    #[error("cannot connect to {address}")]
    Connect {
        /// The server.
        address: ServerAddress,
        /// The error of the system.
        source: io::Error,
    },
    /// TLS is not set up, or no certificate can be issued for a host of this form.
    #[error("TLS with {0} is not possible")]
    NoTls(ServerAddress),
    /// No TLS within the time for it.
    #[error("{0} did not finish the TLS handshake in time")]
    TlsLate(ServerAddress),
    /// The server could not be verified, or does not speak TLS.
    #[error("the TLS handshake with {address} failed")]
    Tls {
        /// The server.
        address: ServerAddress,
        /// The error of TLS, such as a certificate that is not trusted.
        source: io::Error,
    },
    /// HTTP failed on a connection.
    #[error("HTTP with {address} failed")]
    Http {
        /// The server.
        address: ServerAddress,
        /// The error of HTTP.
        source: hyper::Error,
    },
    /// No whole answer within the time for it.
    #[error("{0} did not answer in time")]
    Late(ServerAddress),
    /// An answer beyond the bound.
    #[error("{0} answered with more than {1} bytes")]
    TooLong(ServerAddress, usize),
}
