//! Prepares a new connection for HTTP: the PROXY header, the limit of its address, and TLS.

use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::time::timeout;
use tracing::debug;

use super::connection::{self, Arrival};
use super::limits::ConnectionLimits;
use super::peer::{Peer, Secured};
use super::per_address::{Addresses, Entered};
use super::proxy::read_header;
use super::refusal::{self, NOT_TLS, TOO_MANY_CONNECTIONS};
use super::serve::Serve;
use super::tls::{HandshakeFailure, Handshaken, SecureStream, ServerTls};
use super::watch::Stop;
use crate::config::Proxies;
use crate::telemetry::metrics::{self, Refusal};

/// Prepares the connections of one listener for HTTP. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Entrance {
    pub(super) tls: Option<ServerTls>,
    pub(super) proxies: Arc<Proxies>,
    pub(super) addresses: Addresses,
    pub(super) limits: ConnectionLimits,
    pub(super) stop: Stop,
}

impl Entrance {
    /// Prepares a connection for HTTP and serves it until it ends.
    pub(super) async fn serve(self, stream: TcpStream, peer: Peer, service: impl Serve) {
        let prepared = tokio::select! {
            biased;
            () = self.stop.cut.cancelled() => None,
            prepared = self.prepare(stream, peer) => prepared,
        };
        // `_entered` counts the connection to its address until it ends.
        let Some((transport, arrival, _entered)) = prepared else { return };
        match transport {
            Transport::Open(stream) => {
                connection::run(stream, arrival, self.limits, self.stop, service).await;
            }
            Transport::Secure(stream) => {
                connection::run(*stream, arrival, self.limits, self.stop, service).await;
            }
        }
    }

    async fn prepare(
        &self,
        mut stream: TcpStream,
        peer: Peer,
    ) -> Option<(Transport, Arrival, Option<Entered>)> {
        let peer = self.client_of(&mut stream, peer).await?;
        let entered = if self.proxies.trusted.contain(peer.0.ip()) {
            None
        } else {
            let Some(entered) = self.addresses.enter(peer.0.ip(), self.limits.per_address) else {
                refused(peer, Refusal::AddressConnections, "its address has too many connections");
                // Under TLS an answer would need the handshake, whose cost the limit is to save.
                if self.tls.is_none() {
                    refusal::refuse(stream, TOO_MANY_CONNECTIONS).await;
                }
                return None;
            };
            Some(entered)
        };
        let (transport, arrival) = match &self.tls {
            None => (Transport::Open(stream), Arrival { peer, secured: None, http2: false }),
            Some(tls) => self.secure(stream, peer, tls).await?,
        };
        Some((transport, arrival, entered))
    }

    /// The client of a connection. Where the setting says so, trusted proxies name it in a PROXY header first.
    async fn client_of(&self, stream: &mut TcpStream, peer: Peer) -> Option<Peer> {
        if !self.proxies.protocol || !self.proxies.trusted.contain(peer.0.ip()) {
            return Some(peer);
        }
        match timeout(self.limits.handshake_time, read_header(stream)).await {
            Ok(Ok(client)) => Some(client.map_or(peer, Peer)),
            Ok(Err(error)) => {
                refused(peer, Refusal::ProxyHeader, &error.to_string());
                None
            }
            Err(_) => {
                refused(peer, Refusal::ProxyHeaderTime, "its PROXY header did not arrive in time");
                None
            }
        }
    }

    /// Makes the TLS handshake, or refuses the connection.
    async fn secure(
        &self,
        stream: TcpStream,
        peer: Peer,
        tls: &ServerTls,
    ) -> Option<(Transport, Arrival)> {
        match timeout(self.limits.handshake_time, tls.handshake(stream)).await {
            Ok(Ok(Handshaken::Open { stream, http2, client })) => {
                let secured = Some(Secured { client });
                Some((Transport::Secure(stream), Arrival { peer, secured, http2 }))
            }
            Ok(Ok(Handshaken::Validated)) | Ok(Err(HandshakeFailure::Silent)) => None,
            Ok(Err(HandshakeFailure::Plain(stream))) => {
                refused(peer, Refusal::NotTls, "it does not speak TLS");
                refusal::refuse(stream, NOT_TLS).await;
                None
            }
            Ok(Err(HandshakeFailure::Failed(error))) => {
                refused(peer, Refusal::Handshake, &error.to_string());
                None
            }
            Err(_) => {
                refused(peer, Refusal::HandshakeTime, "its TLS handshake took too long");
                None
            }
        }
    }
}

/// A stream that carries HTTP.
enum Transport {
    Open(TcpStream),
    Secure(Box<SecureStream>),
}

fn refused(peer: Peer, refusal: Refusal, error: &str) {
    metrics::refused(refusal);
    let reason = refusal.label();
    debug!(peer = %peer.0, reason, error, "a connection was refused");
}
