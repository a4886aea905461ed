//! A TCP port in front of a server whose connections a test can freeze or break.

use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;

/// Bytes that are passed on at once.
const PIECE: usize = 64 << 10;

/// Where a cable leads.
#[derive(Clone, Debug)]
pub(crate) enum End {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// A running cable. It ends with the runtime of the test.
pub(crate) struct Cable {
    pub(crate) addr: SocketAddr,
    frozen: watch::Sender<bool>,
    /// Counts the cuts.
    cut: watch::Sender<u64>,
}

impl Cable {
    /// Starts a cable on a free port of 127.0.0.1.
    pub(crate) async fn start(end: End) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (frozen, cut) = (watch::Sender::new(false), watch::Sender::new(0));
        let (frozen_here, cut_here) = (frozen.clone(), cut.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (end, frozen) = (end.clone(), frozen_here.subscribe());
                let mut cut = cut_here.subscribe();
                tokio::spawn(async move {
                    // Without lingering, dropping the socket breaks the connection instead of ending it.
                    let _ = client.set_zero_linger();
                    tokio::select! {
                        _ = cut.changed() => {}
                        () = carry(client, end, frozen) => {}
                    }
                });
            }
        });
        Self { addr, frozen, cut }
    }

    /// Stops passing bytes on, or resumes it. While frozen, connections stay open and new ones are accepted.
    pub(crate) fn freeze(&self, frozen: bool) {
        self.frozen.send_replace(frozen);
    }

    /// Breaks all connections. New ones work.
    pub(crate) fn cut(&self) {
        self.cut.send_modify(|cuts| *cuts += 1);
    }
}

async fn carry(client: TcpStream, end: End, frozen: watch::Receiver<bool>) {
    let (from, to) = client.into_split();
    match end {
        End::Tcp(addr) => {
            let Ok(server) = TcpStream::connect(addr).await else { return };
            let _ = server.set_zero_linger();
            let (back, forth) = server.into_split();
            let (up, down) = (pass(from, forth, frozen.clone()), pass(back, to, frozen));
            let _ = tokio::try_join!(up, down);
        }
        End::Unix(path) => {
            let Ok(server) = UnixStream::connect(path).await else { return };
            let (back, forth) = server.into_split();
            let (up, down) = (pass(from, forth, frozen.clone()), pass(back, to, frozen));
            let _ = tokio::try_join!(up, down);
        }
    }
}

/// Passes bytes on in one direction, until they end.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut frozen: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        let read = from.read(&mut piece).await?;
        frozen.wait_for(|frozen| !frozen).await.map_err(std::io::Error::other)?;
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&piece[..read]).await?;
    }
}
