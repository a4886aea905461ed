//! Facts about the connection that every request carries as extensions.

use std::net::SocketAddr;

use super::tls::ClientIdentity;

/// Address of the client: the other end of the connection, or what the PROXY header of a trusted proxy says. An
/// extension of every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// TLS of the connection. An extension of every request that came under TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secured {
    /// Identity in the certificate of the client, if it presented one.
    pub client: Option<ClientIdentity>,
}
