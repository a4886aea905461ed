//! The collector: one request with spans, and its answer.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, StatusCode, Uri};
use thiserror::Error;
use tokio::time::timeout;

use super::wire;
use crate::config::Traces;
use crate::outbound::{ClientTls, Close, OutboundError, Reach, Server, Trust, TrustError};
use crate::stream::gather::gather;
use crate::telemetry::with_causes;

const AGENT: &str = concat!("af-registry/", env!("CARGO_PKG_VERSION"));
/// Time for a connection to be made, and as much again for TLS.
const CONNECT: Duration = Duration::from_secs(5);
/// Longest answer in bytes that is read.
const ANSWER: usize = 64 << 10;

/// The server that spans are sent to.
pub(super) struct Collector {
    server: Server<Full<Bytes>>,
    uri: Uri,
    headers: HeaderMap,
    timeout: Duration,
}

/// Why spans were not taken.
#[derive(Debug, Error)]
pub(super) enum SendError {
    /// It may go well later.
    #[error("{0}")]
    Passing(String),
    /// The collector will not take these spans.
    #[error("it answered {0}")]
    Refused(StatusCode),
}

impl From<OutboundError> for SendError {
    fn from(error: OutboundError) -> Self {
        Self::Passing(with_causes(&error))
    }
}

impl Collector {
    /// Opens no connection yet.
    ///
    /// # Errors
    /// The certificate authorities to verify it by cannot be read.
    pub(super) fn new(traces: &Traces) -> Result<Self, TrustError> {
        let Traces { collector, path, authorities, timeout, .. } = traces;
        let tls = match collector.https {
            true => ClientTls::verified_by(&Trust::of(authorities.as_deref())?)?,
            false => ClientTls::default(),
        };
        // The operator named this server, wherever it is.
        let server = Server::new(collector.clone(), tls, Reach::Anywhere, CONNECT);
        let uri = path.parse().unwrap_or_default();
        Ok(Self { server, uri, headers: headers(traces), timeout: *timeout })
    }

    /// Sends one request. Returns how many of its spans were refused.
    pub(super) async fn send(&self, spans: &Bytes) -> Result<u64, SendError> {
        let late = |_| SendError::Passing(format!("no answer in {:?}", self.timeout));
        timeout(self.timeout, self.exchange(spans)).await.map_err(late)?
    }

    async fn exchange(&self, spans: &Bytes) -> Result<u64, SendError> {
        let mut connection = match self.server.reuse(Close::Usual) {
            Some(connection) => connection,
            None => self.server.open(Close::Usual).await?,
        };
        let broken = |error: hyper::Error| SendError::Passing(with_causes(&error));
        let answer = connection.send(self.request(spans)).await.map_err(broken)?;
        let (head, body) = answer.into_parts();
        let body = gather(pin!(body), ANSWER).await;
        let body = body.map_err(|error| SendError::Passing(error.to_string()))?;
        self.server.keep(connection);
        match head.status {
            status if status.is_success() => Ok(wire::refused(&body)),
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => {
                Err(SendError::Passing(format!("it answered {}", head.status)))
            }
            status => Err(SendError::Refused(status)),
        }
    }

    fn request(&self, spans: &Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(spans.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

/// The headers of every request. The settings were checked, so all of them are legal.
fn headers(traces: &Traces) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    let host = match traces.collector.socket() {
        Some(_) => "localhost".to_owned(),
        None => traces.collector.authority(),
    };
    if let Ok(host) = HeaderValue::try_from(host) {
        headers.insert(HOST, host);
    }
    for (name, value) in &traces.headers {
        let (name, value) = (HeaderName::try_from(name), HeaderValue::try_from(value.expose()));
        if let (Ok(name), Ok(mut value)) = (name, value) {
            value.set_sensitive(true);
            headers.insert(name, value);
        }
    }
    headers
}
