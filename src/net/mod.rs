//! Sockets: listening, serving connections, stopping. Takes any hyper service and knows no route.
//!
//! Two clocks watch a connection, and hyper has neither of them: its own header timeout also counts the time in
//! which a client has nothing to ask.
//!
//! - *Header time*, from the first byte of a request's head to its end. Overdue: 408.
//! - *Idle time*, while no request is there and no byte comes, and while an answer is not taken. Overdue: closed.
//!
//! Under HTTP/2 there is no such thing as the head of a request, and an answer that is not taken is reset alone.
//!
//! A request in flight has no limit here; how long a body may be silent is its reader's matter.

mod activity;
mod connection;
mod entrance;
mod http2;
mod listener;
mod per_address;
mod proxy;
mod refusal;
mod shutdown;
mod tls;
mod watched;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::time::Duration;

pub use listener::{BindError, Drained, Listener, serve};
pub use proxy::{ProxyError, read_header};
pub use shutdown::Shutdown;
pub use tls::{
    Certificate, CertificateFile, ChallengeCertificates, ClientIdentity, ClientRoots,
    ShownCertificate, Tls, TlsError, TlsOptions,
};

/// What a listener grants its connections.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// Bytes of a request's head, request line included. Over it: 431.
    pub header_bytes: usize,
    /// Time for the head of a request, from its first byte.
    pub header_time: Duration,
    /// Time without a request and without a byte.
    pub idle_time: Duration,
    /// Connections at once. Over it: 503.
    pub connections: usize,
    /// Connections at once from one address, trusted proxies apart. Over it: 503, or closed under TLS.
    pub per_address: usize,
    /// Time for a TLS handshake, and for a PROXY header before it. Over it: closed.
    pub handshake_time: Duration,
}

/// The address of the client's end of the connection, by the word of a trusted proxy if there is a PROXY header; an
/// extension of every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// That a request came under TLS; an extension of every such request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secured {
    /// Who the client's certificate says it is, if it showed one.
    pub client: Option<ClientIdentity>,
}
