//! A listener of Kubo (its RPC API or its gateway): connections to it, and the headers of every request.

use std::time::Duration;

use data_encoding::BASE64;
use hyper::Request;
use hyper::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue, USER_AGENT};

use super::error::IpfsError;
use super::multipart::Outgoing;
use crate::config::{KuboLogin, ServerAddress};
use crate::outbound::{self, ClientTls, Close, OutboundError, Reach, Server, Waiting};
use crate::telemetry::{trace, with_causes};

/// A connection to Kubo.
pub(super) type Connection = outbound::Connection<Outgoing>;

/// Time for a connection to be made, and as much again for TLS on it.
const CONNECT: Duration = Duration::from_secs(2);
/// User agent. Kubo refuses browsers, and compares a user agent that contains `/kubo/` with its own version.
const AGENT: &str = concat!("af-registry/", env!("CARGO_PKG_VERSION"));

/// The header that names the span which a request belongs to (W3C Trace Context).
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A listener and the idle connections to it.
pub(super) struct Origin {
    server: Server<Outgoing>,
    host: HeaderValue,
    authorization: Option<HeaderValue>,
    waiting: Waiting,
}

impl Origin {
    /// Opens no connection yet.
    pub(super) fn new(
        address: ServerAddress,
        login: Option<&KuboLogin>,
        tls: ClientTls,
        waiting: Waiting,
    ) -> Self {
        // The gateway answers the name `localhost` with a redirect to a subdomain.
        let host = match address.host.as_str() {
            "localhost" => format!("127.0.0.1:{}", address.port),
            _ if address.socket().is_some() => "127.0.0.1".to_owned(),
            _ => address.authority(),
        };
        let host = HeaderValue::try_from(host).unwrap_or(HeaderValue::from_static("127.0.0.1"));
        let authorization = login.and_then(authorization);
        // The operator named this Kubo, wherever it is.
        let server = Server::new(address, tls, Reach::Anywhere, CONNECT);
        Self { server, host, authorization, waiting }
    }

    /// Opens a connection.
    ///
    /// A connection that adds a file asks for [`Close::Reset`]. If the body ends early, even without its last chunk, Kubo's
    /// chunker takes that for the end of the file (boxo `chunker/splitting.go`). A reset is an error to it, so it stores
    /// nothing for nobody.
    pub(super) async fn open(&self, close: Close) -> Result<Connection, IpfsError> {
        let opened = self.server.open(close).await;
        opened.map_err(|error| match error {
            OutboundError::Connect { .. }
            | OutboundError::NotAccepted(_)
            | OutboundError::TlsLate(_)
            | OutboundError::Http { .. } => IpfsError::Gone(with_causes(&error)),
            _ => IpfsError::Unavailable(with_causes(&error)),
        })
    }

    /// The calls that wait for this Kubo.
    pub(super) fn waiting(&self) -> &Waiting {
        &self.waiting
    }

    /// Takes an idle connection that was opened to be closed in this way.
    pub(super) fn reuse(&self, close: Close) -> Option<Connection> {
        self.server.reuse(close)
    }

    /// Keeps a connection whose last answer was read to its end.
    pub(super) fn keep(&self, connection: Connection) {
        self.server.keep(connection);
    }

    /// Adds the headers that every request has.
    pub(super) fn address(&self, mut request: Request<Outgoing>) -> Request<Outgoing> {
        let headers = request.headers_mut();
        headers.insert(HOST, self.host.clone());
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        let traceparent = trace::current().map(|span| HeaderValue::try_from(span.to_string()));
        if let Some(Ok(traceparent)) = traceparent {
            headers.insert(TRACEPARENT, traceparent);
        }
        request
    }
}

/// Value of the header `Authorization`, marked as sensitive. `None` only for credentials that the settings refuse.
fn authorization(login: &KuboLogin) -> Option<HeaderValue> {
    let text = match login {
        KuboLogin::Token(token) => format!("Bearer {}", token.expose()),
        KuboLogin::Basic { user, password } => {
            format!("Basic {}", BASE64.encode(format!("{user}:{}", password.expose()).as_bytes()))
        }
    };
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
