//! Connections that this program opens, as a client of PostgreSQL, Kubo and the ACME directory.
//!
//! Trusted certificate authorities, TLS, time limits, idle connections, pauses after failures, waiting for a server that is
//! gone for a moment and the rule which addresses may be reached are here once, for every server. What a server is asked for
//! may not live here.

mod back_off;
mod client;
mod connection;
mod error;
mod patience;
mod reach;
mod server;
mod tls;
mod trust;

pub use back_off::BackOff;
pub use client::Client;
pub use connection::{Close, Connection, Outgoing};
pub use error::OutboundError;
pub use patience::{AWAY, Patience, WAITING, Waiting};
pub use reach::Reach;
pub use server::Server;
pub use tls::ClientTls;
pub use trust::{Trust, TrustError, unverified};
