//! A TCP port in front of PostgreSQL that counts round trips and can stop forwarding.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};

/// Time for which messages are gathered: a client that sends several without waiting for an answer makes one round trip.
const GATHER: Duration = Duration::from_millis(10);

#[derive(Default)]
struct State {
    round_trips: AtomicU64,
    frozen: AtomicBool,
    /// Requests until the one whose answer is lost; none if negative.
    until_loss: AtomicI64,
    /// Whether new connections get no answer.
    silent: AtomicBool,
    /// How many came since, and how many of them have not been given up.
    ignored: AtomicU64,
    waiting: AtomicU64,
}

/// A running relay. It ends with the runtime of the test.
pub(crate) struct Relay {
    /// The port on 127.0.0.1.
    pub(crate) port: u16,
    state: Arc<State>,
}

impl Relay {
    /// Starts a relay that forwards to a unix socket.
    pub(crate) async fn start(socket: PathBuf) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State { until_loss: AtomicI64::new(-1), ..State::default() });
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if shared.silent.load(Ordering::SeqCst) {
                    tokio::spawn(ignore(client, Arc::clone(&shared)));
                    continue;
                }
                let Ok(server) = UnixStream::connect(&socket).await else { continue };
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                let lost = Arc::new(AtomicBool::new(false));
                let state = || (Arc::clone(&shared), Arc::clone(&lost));
                tokio::spawn(forward(from_client, to_server, state(), true));
                tokio::spawn(forward(from_server, to_client, state(), false));
            }
        });
        Self { port, state }
    }

    /// The number of round trips so far.
    pub(crate) fn round_trips(&self) -> u64 {
        self.state.round_trips.load(Ordering::SeqCst)
    }

    /// Loses the answer to the request that comes after `requests` others, and closes its connection when PostgreSQL has
    /// executed it.
    pub(crate) fn lose_answer_after(&self, requests: i64) {
        self.state.until_loss.store(requests, Ordering::SeqCst);
    }

    /// Whether an answer was lost since [`Relay::lose_answer_after`].
    pub(crate) fn has_lost(&self) -> bool {
        self.state.until_loss.load(Ordering::SeqCst) < 0
    }

    /// Stops forwarding, or resumes it. While frozen, connections stay open and new ones are accepted.
    pub(crate) fn freeze(&self, frozen: bool) {
        self.state.frozen.store(frozen, Ordering::SeqCst);
    }

    /// Accepts connections from now on, and says nothing to them.
    pub(crate) fn ignore_new(&self) {
        self.state.silent.store(true, Ordering::SeqCst);
    }

    /// How many connections came since [`Relay::ignore_new`], and how many of them still wait for an answer.
    pub(crate) fn ignored(&self) -> (u64, u64) {
        let State { ignored, waiting, .. } = &*self.state;
        (ignored.load(Ordering::SeqCst), waiting.load(Ordering::SeqCst))
    }
}

async fn ignore(mut client: TcpStream, state: Arc<State>) {
    state.waiting.fetch_add(1, Ordering::SeqCst);
    state.ignored.fetch_add(1, Ordering::SeqCst);
    while let Ok(1..) = client.read(&mut [0; 1024]).await {}
    state.waiting.fetch_sub(1, Ordering::SeqCst);
}

async fn forward(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    (state, lost): (Arc<State>, Arc<AtomicBool>),
    requests: bool,
) {
    let mut buffer = vec![0; 1 << 20];
    while let Ok(mut filled @ 1..) = from.read(&mut buffer).await {
        if requests {
            tokio::time::sleep(GATHER).await;
            if let Ok(more) =
                tokio::time::timeout(Duration::ZERO, from.read(&mut buffer[filled..])).await
            {
                filled += more.unwrap_or_default();
            }
            state.round_trips.fetch_add(1, Ordering::SeqCst);
            if state.until_loss.load(Ordering::SeqCst) >= 0
                && state.until_loss.fetch_sub(1, Ordering::SeqCst) == 0
            {
                lost.store(true, Ordering::SeqCst);
            }
        } else if lost.load(Ordering::SeqCst) {
            // ReadyForQuery, outside of a transaction (PostgreSQL manual, "Message Formats").
            if buffer[..filled].ends_with(b"Z\0\0\0\x05I") {
                return;
            }
            continue;
        }
        while state.frozen.load(Ordering::SeqCst) {
            tokio::time::sleep(GATHER).await;
        }
        if to.write_all(&buffer[..filled]).await.is_err() {
            return;
        }
    }
}
