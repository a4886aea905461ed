//! A TLS port in front of a plain one, like a proxy. If a client breaks its connection, the one behind it breaks, too.

use std::io::ErrorKind;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, split};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::authority::Certified;

/// How a client ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// By a close_notify of TLS.
    Announced,
    /// By closing the socket without a close_notify.
    Silent,
    /// By a reset of the socket.
    Reset,
}

/// A running TLS port. It ends with the runtime of the test.
pub(crate) struct Terminator {
    /// The port on 127.0.0.1.
    pub(crate) port: u16,
    endings: Arc<Mutex<Vec<Ending>>>,
}

impl Terminator {
    /// Starts a TLS port with this certificate that forwards to a port on 127.0.0.1.
    pub(crate) async fn start(certified: &Certified, target: u16) -> Self {
        let chain = CertificateDer::pem_slice_iter(certified.chain.as_bytes());
        let chain = chain.collect::<Result<_, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_slice(certified.key.as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let endings = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&endings);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (acceptor, noted) = (acceptor.clone(), Arc::clone(&noted));
                tokio::spawn(async move {
                    let Ok(client) = acceptor.accept(client).await else { return };
                    let server = TcpStream::connect(("127.0.0.1", target)).await.unwrap();
                    if let Some(ending) = forward(client, server).await {
                        noted.lock().unwrap().push(ending);
                    }
                });
            }
        });
        Self { port, endings }
    }

    /// Waits until this many clients have ended their connections, and returns how they did.
    pub(crate) async fn endings(&self, count: usize) -> Vec<Ending> {
        let began = Instant::now();
        loop {
            let endings = self.endings.lock().unwrap().clone();
            if endings.len() >= count {
                return endings;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "only {endings:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Forwards one connection. `None` when the server ended it.
async fn forward(client: TlsStream<TcpStream>, server: TcpStream) -> Option<Ending> {
    // Dropping the rest breaks the other connection.
    server.set_zero_linger().unwrap();
    let (mut from_client, mut to_client) = split(client);
    let (mut from_server, mut to_server) = server.into_split();
    let up = async {
        let mut buffer = vec![0; 64 << 10];
        loop {
            match from_client.read(&mut buffer).await {
                Ok(0) => return Some(Ending::Announced),
                Ok(filled) => {
                    if to_server.write_all(&buffer[..filled]).await.is_err() {
                        return None;
                    }
                }
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    return Some(Ending::Silent);
                }
                Err(_) => return Some(Ending::Reset),
            }
        }
    };
    let down = async {
        if copy(&mut from_server, &mut to_client).await.is_ok() {
            let _ = to_client.shutdown().await;
        }
    };
    tokio::select! {
        ending = up => ending,
        () = down => None,
    }
}
