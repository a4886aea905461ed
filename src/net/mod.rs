//! Sockets: listening, TLS, serving connections, stopping. Takes any hyper service; no route may live here.
//!
//! A connection has two time limits. hyper has neither: its own header timeout also counts the time before the first
//! byte of a request.
//!
//! - *Header time* runs from the first byte of the head of a request to its end. Beyond it the client gets 408.
//! - *Idle time* runs while there is no request and no byte, and while the client does not take an answer. Beyond it the
//!   connection is closed.
//!
//! Over HTTP/2 there is no header time, and an answer that the client does not take is reset alone.
//!
//! A request that is being answered has no time limit here. The reader of a body limits how long it may be silent.
//!
//! Near the limit of all connections, those that are idle or slow give way to new ones.

mod activity;
mod connection;
mod entrance;
mod http2;
mod inflow;
mod inherited;
mod limits;
mod listener;
mod peer;
mod places;
mod proxy;
mod received;
mod refusal;
mod serve;
mod shutdown;
mod tls;
mod watch;
mod watched;
mod yielding;

#[cfg(test)]
mod crowd_tests;
#[cfg(test)]
mod tests;

pub use inherited::{Inherited, InheritedError};
pub use limits::ConnectionLimits;
pub use listener::{BindError, Drained, Listener, serve};
pub use peer::{Peer, Secured};
pub use proxy::{ProxyError, read_header};
pub use received::{Received, Standing};
pub use serve::{BoxError, Serve};
pub use shutdown::Shutdown;
pub use tls::{
    Certificate, CertificateFile, ChallengeCertificates, ClientIdentity, ClientRoots, ServerTls,
    ShownCertificate, TlsError, TlsOptions,
};
