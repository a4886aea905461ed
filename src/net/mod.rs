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
mod limits;
mod listener;
mod peer;
mod per_address;
mod proxy;
mod refusal;
mod serve;
mod shutdown;
mod tls;
mod watch;
mod watched;

#[cfg(test)]
mod tests;

pub use limits::ConnectionLimits;
pub use listener::{BindError, Drained, Listener, serve};
pub use peer::{Peer, Secured};
pub use proxy::{ProxyError, read_header};
pub use serve::{BoxError, Serve};
pub use shutdown::Shutdown;
pub use tls::{
    Certificate, CertificateFile, ChallengeCertificates, ClientIdentity, ClientRoots, ServerTls,
    ShownCertificate, TlsError, TlsOptions,
};
