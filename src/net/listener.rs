//! Accepting connections, and nothing else: what a connection takes time for happens in its own task.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

use super::entrance::Entrance;
use super::limits::ConnectionLimits;
use super::peer::Peer;
use super::per_address::Addresses;
use super::refusal::{self, TOO_MANY_CONNECTIONS};
use super::serve::Serve;
use super::shutdown::Shutdown;
use super::tls::ServerTls;
use super::watch::Stop;
use crate::config::Proxies;
use crate::telemetry::metrics::{self, Refusal};

/// Connections that wait to be accepted.
const BACKLOG: u32 = 4096;

/// First and longest pause after an accept that failed for want of descriptors or memory.
const BACK_OFF: Duration = Duration::from_millis(10);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(1);

/// Connections over the limit that are told so at one time; more are closed without a word.
const TURNED_AWAY: usize = 64;

/// How long connections that were cut have to let go of what they hold.
const CUT_TIME: Duration = Duration::from_secs(2);

/// An address cannot be listened on.
#[derive(Debug, Error)]
#[error("cannot listen on {address}: {source}")]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// Why not.
    pub source: io::Error,
}

/// A bound address. Connections are taken from when it is served.
#[derive(Debug)]
pub struct Listener {
    inner: TcpListener,
    address: SocketAddr,
    tls: Option<ServerTls>,
    proxies: Proxies,
}

impl Listener {
    /// Binds `address`; port 0 takes a free one. Must be called within the runtime.
    pub fn bind(address: SocketAddr) -> Result<Self, BindError> {
        let bind = || {
            let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            // A restart must not wait for connections of the last run that linger in TIME_WAIT.
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            let inner = socket.listen(BACKLOG)?;
            let address = inner.local_addr()?;
            Ok(Self { inner, address, tls: None, proxies: Proxies::default() })
        };
        bind().map_err(|source| BindError { address, source })
    }

    /// Speaks TLS, and nothing else.
    #[must_use]
    pub fn secured(self, tls: ServerTls) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// Stands behind `proxies`.
    #[must_use]
    pub fn behind(self, proxies: Proxies) -> Self {
        Self { proxies, ..self }
    }

    /// How its URLs begin.
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// The address it has.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// How serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Every connection finished.
    Clean,
    /// So many connections were cut: they did not finish within the drain time, or nobody wanted to wait.
    Cut(usize),
}

/// Serves connections until `shutdown` has begun and they have ended.
pub async fn serve(
    listener: Listener,
    limits: ConnectionLimits,
    shutdown: Shutdown,
    service: impl Serve + Clone + Send + 'static,
) -> Drained {
    let cut = CancellationToken::new();
    let door = Door {
        connections: Arc::new(Semaphore::new(limits.connections)),
        turned_away: Arc::new(Semaphore::new(TURNED_AWAY)),
        tasks: TaskTracker::new(),
        entrance: Entrance {
            tls: listener.tls.clone(),
            proxies: Arc::new(listener.proxies.clone()),
            addresses: Addresses::default(),
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
                door.admit(stream, Peer(address));
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                warn!(address = %listener.address, %error, "cannot accept connections");
                tokio::select! {
                    () = sleep(back_off) => {}
                    () = shutdown.begun() => break,
                }
                back_off = (back_off * 2).min(LONGEST_BACK_OFF);
            }
        }
    }
    // Closing the socket would reset what the kernel has already taken for us; at most as many as can wait.
    for _ in 0..BACKLOG {
        let Ok(Ok((stream, address))) = timeout(BACK_OFF, listener.inner.accept()).await else {
            break;
        };
        door.admit(stream, Peer(address));
    }
    drop(listener);
    drain(&door.tasks, &shutdown, &cut).await
}

/// What every accepted connection passes.
struct Door<S> {
    connections: Arc<Semaphore>,
    turned_away: Arc<Semaphore>,
    tasks: TaskTracker,
    entrance: Entrance,
    service: S,
}

impl<S: Serve + Clone + Send + 'static> Door<S> {
    fn admit(&self, stream: TcpStream, peer: Peer) {
        let Ok(permit) = Arc::clone(&self.connections).try_acquire_owned() else {
            metrics::refused(Refusal::Connections);
            return self.turn_away(stream);
        };
        // Answers leave in as few writes as they can; nothing is won by holding the last one back. A socket that
        // refuses is already dead, and its task finds out.
        let _ = stream.set_nodelay(true);
        let (entrance, service) = (self.entrance.clone(), self.service.clone());
        self.tasks.spawn(async move {
            let _open = metrics::connection_open();
            entrance.receive(stream, peer, service).await;
            drop(permit);
        });
    }

    /// Says why, where that costs nothing: an answer under TLS would take the handshake that is to be saved.
    fn turn_away(&self, stream: TcpStream) {
        if self.entrance.tls.is_some() {
            return;
        }
        if let Ok(permit) = Arc::clone(&self.turned_away).try_acquire_owned() {
            tokio::spawn(async move {
                refusal::refuse(stream, TOO_MANY_CONNECTIONS).await;
                drop(permit);
            });
        }
    }
}

/// Whether only the connection that was being accepted is lost, rather than the ability to accept.
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
    // A handler cannot hold the end up: what does not let go now goes with the process.
    let _ = timeout(CUT_TIME, tasks.wait()).await;
    Drained::Cut(left)
}
