//! One server: how connections to it are opened, and those that wait for their next request.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::net::sockopt::set_socket_send_buffer_size;
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::connection::{Close, Connection, Outgoing, SENDING};
use super::error::OutboundError;
use super::reach::Reach;
use super::tls::ClientTls;
use crate::config::ServerAddress;

/// A connection that was idle for longer is not used again: a firewall on the way may have forgotten it.
const IDLE: Duration = Duration::from_secs(30);
/// Most idle connections that are kept.
const KEPT: usize = 16;

/// One server and the idle connections to it.
pub struct Server<B> {
    address: ServerAddress,
    tls: ClientTls,
    reach: Reach,
    connect_time: Duration,
    idle: Mutex<Vec<(Connection<B>, Instant)>>,
}

impl<B: Outgoing> Server<B> {
    /// Opens no connection yet. `connect_time` is the time for a connection to be made, and as much again for TLS.
    pub fn new(
        address: ServerAddress,
        tls: ClientTls,
        reach: Reach,
        connect_time: Duration,
    ) -> Self {
        Self { address, tls, reach, connect_time, idle: Mutex::default() }
    }

    /// Address of the server.
    pub fn address(&self) -> &ServerAddress {
        &self.address
    }

    /// Opens a connection.
    pub async fn open(&self, close: Close) -> Result<Connection<B>, OutboundError> {
        let address = || self.address.clone();
        let failed = |source| OutboundError::Connect { address: address(), source };
        let late = |_| OutboundError::NotAccepted(address());
        let http = |source| OutboundError::Http { address: address(), source };
        if let Some(path) = self.address.socket() {
            let stream = timeout(self.connect_time, UnixStream::connect(path)).await;
            let stream = stream.map_err(late)?.map_err(failed)?;
            if close == Close::Reset {
                // The usual buffer takes less than half a frame, and each frame costs several system calls and switches to
                // the reader then. Only a wish: the system may grant less.
                let _ = set_socket_send_buffer_size(&stream, SENDING);
            }
            return Connection::over(stream, close).await.map_err(http);
        }
        let stream = timeout(self.connect_time, self.connect()).await.map_err(late)??;
        stream.set_nodelay(true).map_err(failed)?;
        if close == Close::Reset {
            stream.set_zero_linger().map_err(failed)?;
        }
        let connection = if self.address.https {
            Connection::over(self.encrypt(stream).await?, close).await
        } else {
            Connection::over(stream, close).await
        };
        connection.map_err(http)
    }

    async fn connect(&self) -> Result<TcpStream, OutboundError> {
        let failed = |source| OutboundError::Connect { address: self.address.clone(), source };
        let host = (self.address.host.as_str(), self.address.port);
        if self.reach == Reach::Anywhere {
            return TcpStream::connect(host).await.map_err(failed);
        }
        // The addresses that were checked are those that are tried: another lookup could give others.
        let found = lookup_host(host).await.map_err(failed)?;
        let permitted: Vec<_> = found.filter(|found| self.reach.permits(found.ip())).collect();
        if permitted.is_empty() {
            return Err(OutboundError::Forbidden(self.address.clone()));
        }
        TcpStream::connect(&permitted[..]).await.map_err(failed)
    }

    /// Makes the TLS handshake and verifies the name of the host.
    async fn encrypt(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, OutboundError> {
        let address = || self.address.clone();
        let impossible = || OutboundError::NoTls(address());
        let name = ServerName::try_from(self.address.host.clone()).map_err(|_| impossible())?;
        let config = self.tls.config().ok_or_else(impossible)?;
        let handshake = TlsConnector::from(config).connect(name, stream);
        let late = |_| OutboundError::TlsLate(address());
        let failed = |source: io::Error| OutboundError::Tls { address: address(), source };
        timeout(self.connect_time, handshake).await.map_err(late)?.map_err(failed)
    }

    /// Keeps a connection for the next request. Its last answer must have been read to the end.
    pub fn keep(&self, connection: Connection<B>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push((connection, Instant::now()));
        }
    }

    /// Takes the connection with this end that was used last, so that those that are not needed grow old. Drops those too
    /// old.
    pub fn reuse(&self, close: Close) -> Option<Connection<B>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(connection, since)| !connection.is_closed() && since.elapsed() < IDLE);
        let fits =
            |connection: &Connection<B>| connection.close() == close && connection.is_ready();
        let at = idle.iter().rposition(|(connection, _)| fits(connection))?;
        Some(idle.remove(at).0)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::Empty;
    use tokio::net::TcpListener;

    use super::*;
    use crate::config::Networks;

    async fn refusal(https: bool, reach: Reach) -> Option<String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let address = ServerAddress { https, host: "localhost".into(), port };
        let connect_time = Duration::from_secs(5);
        let server = Server::new(address, ClientTls::default(), reach, connect_time);
        let opened: Result<Connection<Empty<Bytes>>, _> = server.open(Close::Usual).await;
        opened.err().map(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_server_on_a_private_address_is_refused_unless_its_network_is_permitted() {
        let public = |except: &str| Reach::Public { except: except.parse::<Networks>().unwrap() };
        assert_eq!(refusal(false, Reach::Anywhere).await, None);
        assert_eq!(refusal(false, public("127.0.0.0/8")).await, None);
        let refused = refusal(false, public("")).await.unwrap();
        assert!(refused.contains("not on the public internet"), "{refused}");
    }

    #[tokio::test]
    async fn https_is_refused_where_no_authority_is_trusted() {
        let refused = refusal(true, Reach::Anywhere).await.unwrap();
        assert!(refused.contains("TLS with https://localhost:"), "{refused}");
    }
}
