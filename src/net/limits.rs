//! Bounds on connections.

use std::time::Duration;

/// Bounds on the connections of a listener.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// Largest head of a request in bytes, with the request line. A larger one is answered with 431.
    pub header_bytes: usize,
    /// Time for the head of a request to arrive, counted from its first byte. A slower one is answered with 408.
    pub header_time: Duration,
    /// Time without a request and without a byte, after which a connection is closed.
    pub idle_time: Duration,
    /// Most connections at once. Near this number idle and slow ones give way to new ones. If none can, new ones get 503,
    /// or are closed under TLS.
    pub connections: usize,
    /// Most connections at once from one address, except trusted proxies. Further ones get 503, or are closed under TLS.
    pub per_address: usize,
    /// Least bytes a second of a client that keeps its place while its bytes are waited for; 0 for no minimum.
    pub rate: u64,
    /// Time for a TLS handshake, and for a PROXY header before it. A slower connection is closed.
    pub handshake_time: Duration,
}
