//! What a connection passes before HTTP is spoken on it: who is it, how many of them are there, is it encrypted.

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
use super::tls::{Flaw, Handshaken, SecureStream, ServerTls};
use super::watch::Stop;
use crate::config::Proxies;
use crate::telemetry::metrics::{self, Refusal};

/// The way in of one listener. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Entrance {
    pub(super) tls: Option<ServerTls>,
    pub(super) proxies: Arc<Proxies>,
    pub(super) addresses: Addresses,
    pub(super) limits: ConnectionLimits,
    pub(super) stop: Stop,
}

impl Entrance {
    /// Leads one connection in and serves it to its end.
    pub(super) async fn receive(self, stream: TcpStream, peer: Peer, service: impl Serve) {
        let led = tokio::select! {
            biased;
            () = self.stop.cut.cancelled() => None,
            led = self.lead(stream, peer) => led,
        };
        // The count of its address goes down with it.
        let Some((way, arrival, _entered)) = led else { return };
        match way {
            Way::Open(stream) => {
                connection::run(stream, arrival, self.limits, self.stop, service).await;
            }
            Way::Secure(stream) => {
                connection::run(*stream, arrival, self.limits, self.stop, service).await;
            }
        }
    }

    async fn lead(
        &self,
        mut stream: TcpStream,
        peer: Peer,
    ) -> Option<(Way, Arrival, Option<Entered>)> {
        let peer = self.announced(&mut stream, peer).await?;
        let entered = if self.proxies.trusted.contain(peer.0.ip()) {
            None
        } else {
            let Some(entered) = self.addresses.enter(peer.0.ip(), self.limits.per_address) else {
                refused(peer, Refusal::AddressConnections, "its address has too many");
                // Under TLS an answer would take the handshake that is to be saved.
                if self.tls.is_none() {
                    refusal::refuse(stream, TOO_MANY_CONNECTIONS).await;
                }
                return None;
            };
            Some(entered)
        };
        let (way, arrival) = match &self.tls {
            None => (Way::Open(stream), Arrival { peer, secured: None, http2: false }),
            Some(tls) => self.secure(stream, peer, tls).await?,
        };
        Some((way, arrival, entered))
    }

    /// Who the connection is from: a proxy that is trusted says so first, if it was told to.
    async fn announced(&self, stream: &mut TcpStream, peer: Peer) -> Option<Peer> {
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
                refused(peer, Refusal::ProxyHeaderTime, "its PROXY header was not there in time");
                None
            }
        }
    }

    /// Makes the handshake, or refuses.
    async fn secure(
        &self,
        stream: TcpStream,
        peer: Peer,
        tls: &ServerTls,
    ) -> Option<(Way, Arrival)> {
        match timeout(self.limits.handshake_time, tls.handshake(stream)).await {
            Ok(Ok(Handshaken::Open { stream, http2, client })) => {
                let secured = Some(Secured { client });
                Some((Way::Secure(stream), Arrival { peer, secured, http2 }))
            }
            Ok(Ok(Handshaken::Validated)) | Ok(Err(Flaw::Silent)) => None,
            Ok(Err(Flaw::Plain(stream))) => {
                refused(peer, Refusal::NotTls, "it does not speak TLS");
                refusal::refuse(stream, NOT_TLS).await;
                None
            }
            Ok(Err(Flaw::Failed(error))) => {
                refused(peer, Refusal::Handshake, &error.to_string());
                None
            }
            Err(_) => {
                refused(peer, Refusal::HandshakeTime, "its handshake was not done in time");
                None
            }
        }
    }
}

/// What HTTP is spoken on.
enum Way {
    Open(TcpStream),
    Secure(Box<SecureStream>),
}

fn refused(peer: Peer, refusal: Refusal, error: &str) {
    metrics::refused(refusal);
    let reason = refusal.label();
    debug!(peer = %peer.0, reason, error, "a connection was refused");
}
