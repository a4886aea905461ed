//! What a request can be asked about the connection it came on.

use std::net::SocketAddr;

use super::tls::ClientIdentity;

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
