//! Connections that this program opens to HTTP servers, and whom it trusts as a client of any server.
//!
//! Certificate authorities, TLS, time limits, idle connections, pauses after failures and the rule which addresses may
//! be reached live here once, for every partner. What a partner is asked for, and any certificate of our own, may not
//! live here.

mod back_off;
mod client;
mod connection;
mod error;
mod reach;
mod server;
mod tls;
mod trust;

pub use back_off::BackOff;
pub use client::Client;
pub use connection::{Connection, Outgoing};
pub use error::OutboundError;
pub use reach::Reach;
pub use server::{Close, Server};
pub use tls::ClientTls;
pub use trust::{Trust, TrustError, credulous};
