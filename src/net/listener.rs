//! Accepts connections. Everything that takes time happens in the task of each connection.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::sockopt::set_tcp_congestion;
use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

use super::entrance::Entrance;
use super::inherited::Inherited;
use super::limits::ConnectionLimits;
use super::peer::Peer;
use super::places::{Full, Places};
use super::refusal::{Refusals, TOO_MANY_CONNECTIONS};
use super::serve::Serve;
use super::shutdown::Shutdown;
use super::tls::ServerTls;
use super::watch::Stop;
use crate::config::Proxies;
use crate::stream::bulk;
use crate::telemetry::metrics::{self, Refusal};

/// Most connections that wait in the kernel to be accepted.
const BACKLOG: u32 = 4096;

/// First pause after an accept failed for lack of file descriptors or memory.
const BACK_OFF: Duration = Duration::from_millis(10);
/// Longest pause of that kind.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(1);

/// Congestion control of connections from this host, which lose nothing. Every Linux has it, and every process may use it.
const UNPACED: &str = "reno";

/// Time for cut connections to release what they hold.
const CUT_TIME: Duration = Duration::from_secs(2);

/// It is not possible to listen on an address.
#[derive(Debug, Error)]
#[error("cannot listen on {address}: {source}")]
pub struct BindError {
    /// The address to listen on.
    pub address: SocketAddr,
    /// The error of the system.
    pub source: io::Error,
}

/// A bound address. [`serve`] accepts its connections.
#[derive(Debug)]
pub struct Listener {
    inner: TcpListener,
    address: SocketAddr,
    /// Another process keeps the socket open, so what waits in it is not lost when this one stops.
    kept_open: bool,
    tls: Option<ServerTls>,
    proxies: Proxies,
}

impl Listener {
    /// Takes the socket on `address` from `inherited`, or binds one. Must be called within the Tokio runtime.
    pub fn inherit(address: SocketAddr, inherited: &mut Inherited) -> Result<Self, BindError> {
        let Some(socket) = inherited.take(address) else { return Self::bind(address) };
        let adopt = || {
            socket.set_nonblocking(true)?;
            let inner = TcpListener::from_std(socket)?;
            Ok(Self { inner, address, kept_open: true, tls: None, proxies: Proxies::default() })
        };
        adopt().map_err(|source| BindError { address, source })
    }

    /// Binds `address`. Port 0 takes a free port. Must be called within the Tokio runtime.
    pub fn bind(address: SocketAddr) -> Result<Self, BindError> {
        let bind = || {
            let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            // Connections of the last run may still be in TIME_WAIT. They must not prevent a restart.
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            let inner = socket.listen(BACKLOG)?;
            let address = inner.local_addr()?;
            Ok(Self { inner, address, kept_open: false, tls: None, proxies: Proxies::default() })
        };
        bind().map_err(|source| BindError { address, source })
    }

    /// Accepts only TLS.
    #[must_use]
    pub fn secured(self, tls: ServerTls) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// Trusts `proxies` to name the clients of their connections.
    #[must_use]
    pub fn behind(self, proxies: Proxies) -> Self {
        Self { proxies, ..self }
    }

    /// Scheme of its URLs.
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// The bound address, with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Outcome of a shutdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// All connections finished.
    Clean,
    /// This many connections were cut, at the end of the drain time or because a second signal asked for it.
    Cut(usize),
}

/// Serves connections until `shutdown` has begun and all of them have ended.
pub async fn serve(
    listener: Listener,
    limits: ConnectionLimits,
    shutdown: Shutdown,
    service: impl Serve + Clone + Send + 'static,
) -> Drained {
    let cut = CancellationToken::new();
    let admission = Admission {
        tasks: TaskTracker::new(),
        entrance: Entrance {
            tls: listener.tls.clone(),
            proxies: Arc::new(listener.proxies.clone()),
            places: Places::new(limits.connections),
            refusals: Refusals::default(),
            limits,
            stop: Stop { shutdown: shutdown.clone(), cut: cut.clone() },
        },
        service,
    };
    let mut back_off = BACK_OFF;
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.begun() => break,
            accepted = listener.inner.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                back_off = BACK_OFF;
                admission.admit(stream, Peer(address));
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                warn!(address = %listener.address, %error, "cannot accept connections, will try again: {error}");
                tokio::select! {
                    () = sleep(back_off) => {}
                    () = shutdown.begun() => break,
                }
                back_off = (back_off * 2).min(LONGEST_BACK_OFF);
            }
        }
    }
    // Closing the socket would reset connections that wait in the kernel, so they are accepted first. In a socket that
    // another process keeps open they wait for the next server.
    let waiting = if listener.kept_open { 0 } else { BACKLOG };
    for _ in 0..waiting {
        let Ok(Ok((stream, address))) = timeout(BACK_OFF, listener.inner.accept()).await else {
            break;
        };
        admission.admit(stream, Peer(address));
    }
    drop(listener);
    drain(&admission.tasks, &shutdown, &cut).await
}

/// Starts a task for each accepted connection, within the limits.
struct Admission<S> {
    tasks: TaskTracker,
    entrance: Entrance,
    service: S,
}

impl<S: Serve + Clone + Send + 'static> Admission<S> {
    fn admit(&self, stream: TcpStream, peer: Peer) {
        let place = match self.entrance.place(peer) {
            Ok(place) => place,
            Err(full) => {
                match full {
                    Full::Address => self.entrance.note_full_address(peer),
                    Full::All => metrics::refused(Refusal::Connections),
                }
                return self.turn_away(stream);
            }
        };
        // Answers are written in as few writes as possible, so nothing is gained by delaying the last one. A socket
        // that refuses the option is dead, and its task will notice.
        let _ = stream.set_nodelay(true);
        unpace(&stream, peer);
        let (entrance, service) = (self.entrance.clone(), self.service.clone());
        self.tasks.spawn(bulk::Task::new(async move {
            let _open = metrics::connection_open();
            entrance.serve(stream, peer, service, place).await;
        }));
    }

    /// Answers 503, except under TLS: there an answer would need the handshake, whose cost the limit is to save.
    fn turn_away(&self, stream: TcpStream) {
        if self.entrance.tls.is_some() {
            return;
        }
        let refusals = self.entrance.refusals.clone();
        tokio::spawn(async move { refusals.refuse(stream, TOO_MANY_CONNECTIONS).await });
    }
}

/// Lets a connection from this host, such as that of a proxy in front, go as fast as both ends can. Where BBR is the usual
/// congestion control it spreads packets over time, which costs pulls up to a quarter of their speed and helps nobody here.
fn unpace(stream: &TcpStream, peer: Peer) {
    if peer.0.ip().to_canonical().is_loopback() {
        // Without it the connection is only slower.
        let _ = set_tcp_congestion(stream, UNPACED);
    }
}

/// Whether the error concerns a single connection, not the ability to accept.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

async fn drain(tasks: &TaskTracker, shutdown: &Shutdown, cut: &CancellationToken) -> Drained {
    tasks.close();
    tokio::select! {
        biased;
        () = tasks.wait() => return Drained::Clean,
        () = sleep(shutdown.drain()) => {}
        () = shutdown.is_cut() => {}
    }
    let left = tasks.len();
    cut.cancel();
    // A connection that still runs after this time does not delay the end of the process.
    let _ = timeout(CUT_TIME, tasks.wait()).await;
    Drained::Cut(left)
}

#[cfg(test)]
mod tests {
    use rustix::net::sockopt::tcp_congestion;

    use super::*;

    #[tokio::test]
    async fn only_connections_from_this_host_are_unpaced() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let _client = TcpStream::connect(address).await.unwrap();
        let (stream, from) = listener.accept().await.unwrap();
        let usual = tcp_congestion(&stream).unwrap();
        unpace(&stream, Peer("192.0.2.1:1".parse().unwrap()));
        assert_eq!(tcp_congestion(&stream).unwrap(), usual);
        unpace(&stream, Peer(format!("[::ffff:127.0.0.1]:{}", from.port()).parse().unwrap()));
        assert_eq!(tcp_congestion(&stream).unwrap(), UNPACED);
    }
}
