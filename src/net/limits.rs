//! What a listener grants its connections.

use std::time::Duration;

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
