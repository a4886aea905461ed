//! A TCP port in front of PostgreSQL that counts round trips and can stop forwarding.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixStream};

/// Time for which messages are gathered: a client that sends several without waiting for an answer makes one round trip.
const GATHER: Duration = Duration::from_millis(10);

#[derive(Default)]
struct State {
    round_trips: AtomicU64,
    frozen: AtomicBool,
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
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = UnixStream::connect(&socket).await else { continue };
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                tokio::spawn(forward(from_client, to_server, Arc::clone(&shared), true));
                tokio::spawn(forward(from_server, to_client, Arc::clone(&shared), false));
            }
        });
        Self { port, state }
    }

    /// The number of round trips so far.
    pub(crate) fn round_trips(&self) -> u64 {
        self.state.round_trips.load(Ordering::SeqCst)
    }

    /// Stops forwarding, or resumes it. While frozen, connections stay open and new ones are accepted.
    pub(crate) fn freeze(&self, frozen: bool) {
        self.state.frozen.store(frozen, Ordering::SeqCst);
    }
}

async fn forward(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    state: Arc<State>,
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
        }
        while state.frozen.load(Ordering::SeqCst) {
            tokio::time::sleep(GATHER).await;
        }
        if to.write_all(&buffer[..filled]).await.is_err() {
            return;
        }
    }
}
