//! Sockets: listening, serving connections, stopping. Takes any hyper service and knows no route.
//!
//! Two clocks watch a connection, and hyper has neither of them: its own header timeout also counts the time in
//! which a client has nothing to ask.
//!
//! - *Header time*, from the first byte of a request's head to its end. Overdue: 408.
//! - *Idle time*, while no request is there and no byte comes, and while an answer is not taken. Overdue: closed.
//!
//! A request in flight has no limit here; how long a body may be silent is its reader's matter.

mod activity;
mod connection;
mod listener;
mod shutdown;
mod watched;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::time::Duration;

pub use listener::{BindError, Drained, Listener, serve};
pub use shutdown::Shutdown;

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
}

/// The address of the client's end of the connection; an extension of every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);
