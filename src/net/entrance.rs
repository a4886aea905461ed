//! Prepares a new connection for HTTP: the PROXY header, the limit of its address, and TLS.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::time::timeout;
use tracing::debug;

use super::connection::{self, Arrival};
use super::limits::ConnectionLimits;
use super::peer::{Peer, Secured};
use super::places::{Full, Place, Places};
use super::proxy::read_header;
use super::refusal::{NOT_TLS, Refusals, TOO_MANY_CONNECTIONS};
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
    pub(super) places: Places,
    pub(super) refusals: Refusals,
    pub(super) limits: ConnectionLimits,
    pub(super) stop: Stop,
}

impl Entrance {
    /// Takes a place for a connection from `peer`. Where the setting says so, trusted proxies name its client later.
    pub(super) fn place(&self, peer: Peer) -> Result<Place, Full> {
        let address = peer.0.ip();
        let named_later = self.proxies.protocol && self.proxies.trusted.contain(address);
        self.places.take((!named_later).then_some(address), self.most(address))
    }

    /// How many connections an address may have. Trusted proxies have no limit.
    fn most(&self, address: IpAddr) -> usize {
        if self.proxies.trusted.contain(address) { usize::MAX } else { self.limits.per_address }
    }

    /// Prepares a connection for HTTP and serves it until it ends.
    pub(super) async fn serve(
        self,
        stream: TcpStream,
        peer: Peer,
        service: impl Serve,
        place: Place,
    ) {
        let prepared = tokio::select! {
            biased;
            () = self.stop.cut.cancelled() => return,
            () = place.leave().cancelled() => return,
            prepared = self.prepare(stream, peer, &place) => prepared,
        };
        match prepared {
            Ok((Transport::Open(stream), arrival)) => {
                connection::run(stream, arrival, self.limits, self.stop, service, &place).await;
            }
            Ok((Transport::Secure(stream), arrival)) => {
                connection::run(*stream, arrival, self.limits, self.stop, service, &place).await;
            }
            Err(Turned::Away) => {}
            Err(Turned::AwayWith(stream, answer)) => {
                // Otherwise an address over its limit could take all places by reading its refusals slowly.
                drop(place);
                self.refusals.refuse(stream, answer).await;
            }
        }
    }

    async fn prepare(
        &self,
        mut stream: TcpStream,
        peer: Peer,
        place: &Place,
    ) -> Result<(Transport, Arrival), Turned> {
        if self.proxies.protocol && self.proxies.trusted.contain(peer.0.ip()) {
            let client = self.client_of(&mut stream, peer).await?;
            if !place.belongs_to(client.0.ip(), self.most(client.0.ip())) {
                self.note_full_address(client);
                // Under TLS an answer would need the handshake, whose cost the limit is to save.
                return Err(match self.tls {
                    None => Turned::AwayWith(stream, TOO_MANY_CONNECTIONS),
                    Some(_) => Turned::Away,
                });
            }
            return self.begin(stream, client).await;
        }
        self.begin(stream, peer).await
    }

    async fn begin(&self, stream: TcpStream, peer: Peer) -> Result<(Transport, Arrival), Turned> {
        match &self.tls {
            None => Ok((Transport::Open(stream), Arrival { peer, secured: None, http2: false })),
            Some(tls) => self.secure(stream, peer, tls).await,
        }
    }

    /// Counts a connection that is refused because its address has too many.
    pub(super) fn note_full_address(&self, peer: Peer) {
        refused(peer, Refusal::AddressConnections, "its address has too many connections");
    }

    /// The client that a trusted proxy names in a PROXY header.
    async fn client_of(&self, stream: &mut TcpStream, peer: Peer) -> Result<Peer, Turned> {
        match timeout(self.limits.handshake_time, read_header(stream)).await {
            Ok(Ok(client)) => Ok(client.map_or(peer, Peer)),
            Ok(Err(error)) => {
                refused(peer, Refusal::ProxyHeader, &error.to_string());
                Err(Turned::Away)
            }
            Err(_) => {
                refused(peer, Refusal::ProxyHeaderTime, "its PROXY header did not arrive in time");
                Err(Turned::Away)
            }
        }
    }

    /// Makes the TLS handshake, or refuses the connection.
    async fn secure(
        &self,
        stream: TcpStream,
        peer: Peer,
        tls: &ServerTls,
    ) -> Result<(Transport, Arrival), Turned> {
        match timeout(self.limits.handshake_time, tls.handshake(stream)).await {
            Ok(Ok(Handshaken::Open { stream, http2, client })) => {
                let secured = Some(Secured { client });
                Ok((Transport::Secure(stream), Arrival { peer, secured, http2 }))
            }
            Ok(Ok(Handshaken::Validated)) | Ok(Err(HandshakeFailure::Silent)) => Err(Turned::Away),
            Ok(Err(HandshakeFailure::Plain(stream))) => {
                refused(peer, Refusal::NotTls, "it does not speak TLS");
                Err(Turned::AwayWith(stream.into_inner(), NOT_TLS))
            }
            Ok(Err(HandshakeFailure::Failed(error))) => {
                refused(peer, Refusal::Handshake, &error.to_string());
                Err(Turned::Away)
            }
            Err(_) => {
                refused(peer, Refusal::HandshakeTime, "its TLS handshake took too long");
                Err(Turned::Away)
            }
        }
    }
}

/// A stream that carries HTTP.
enum Transport {
    Open(TcpStream),
    Secure(Box<SecureStream>),
}

/// A connection that is not served.
enum Turned {
    /// Nothing is left to say.
    Away,
    /// The client is still to read this answer.
    AwayWith(TcpStream, &'static str),
}

fn refused(peer: Peer, refusal: Refusal, error: &str) {
    metrics::refused(refusal);
    let reason = refusal.label();
    debug!(peer = %peer.0, reason, error, "a connection was refused");
}
