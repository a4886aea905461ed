//! What a connection passes before HTTP is spoken on it.

use bytes::Bytes;
use http_body::Body;
use hyper::body::Incoming;
use hyper::service::Service;
use hyper::{Request, Response};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tracing::debug;

use super::connection::{self, Arrival, BoxError, Stop};
use super::refusal::{self, NOT_TLS};
use super::tls::{Flaw, Handshaken, SecureStream, Tls};
use super::{ConnectionLimits, Peer, Secured};
use crate::telemetry::metrics;

/// Leads one connection in and serves it to its end.
pub(super) async fn receive<S, B>(
    stream: TcpStream,
    peer: Peer,
    tls: Option<Tls>,
    limits: ConnectionLimits,
    stop: Stop,
    service: S,
) where
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let Some(tls) = tls else {
        let arrival = Arrival { peer, secured: None, http2: false };
        return connection::run(stream, arrival, limits, stop, service).await;
    };
    let cut = stop.cut.clone();
    let secured = tokio::select! {
        biased;
        () = cut.cancelled() => None,
        secured = secure(stream, peer, &tls, &limits) => secured,
    };
    if let Some((stream, arrival)) = secured {
        connection::run(stream, arrival, limits, stop, service).await;
    }
}

/// Makes the handshake, or refuses.
async fn secure(
    stream: TcpStream,
    peer: Peer,
    tls: &Tls,
    limits: &ConnectionLimits,
) -> Option<(SecureStream, Arrival)> {
    let refused = |reason, error: &str| {
        metrics::refused(reason);
        debug!(peer = %peer.0, reason, error, "a handshake failed");
    };
    match timeout(limits.handshake_time, tls.handshake(stream)).await {
        Ok(Ok(Handshaken::Open { stream, http2, client })) => {
            Some((*stream, Arrival { peer, secured: Some(Secured { client }), http2 }))
        }
        Ok(Ok(Handshaken::Validated)) | Ok(Err(Flaw::Silent)) => None,
        Ok(Err(Flaw::Plain(stream))) => {
            refused("not_tls", "the first byte is not that of a handshake");
            refusal::refuse(stream, NOT_TLS).await;
            None
        }
        Ok(Err(Flaw::Failed(error))) => {
            refused("handshake", &error.to_string());
            None
        }
        Err(_) => {
            refused("handshake_time", "it was not done in time");
            None
        }
    }
}
