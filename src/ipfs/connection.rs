//! Connections to a listener of Kubo: one for each transfer, a few kept for the small calls.
//!
//! A connection belongs to whoever uses it; dropping it closes the socket at once, whatever was under way.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::header::{AUTHORIZATION, HOST, HeaderValue, USER_AGENT};
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::answer::Answer;
use super::error::unavailable;
use super::multipart::Outgoing;
use super::{Endpoint, IpfsError, Tls};
use crate::config::KuboLogin;

/// Time for a connection to be made, and as much again for TLS on it.
const CONNECT: Duration = Duration::from_secs(2);
/// A connection unused for longer is not used again: what sits between may have forgotten it.
const IDLE: Duration = Duration::from_secs(30);
/// Connections kept.
const KEPT: usize = 16;
/// Largest read buffer, and so the largest frame of a read.
const BUFFER: usize = 512 << 10;
/// Kubo compares a user agent with `/kubo/` in it with its own version, and refuses browsers.
const AGENT: &str = concat!("af-registry/", env!("CARGO_PKG_VERSION"));

/// What to do with bytes under way when a connection is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drops {
    /// Close as usual.
    Closed,
    /// Reset, and under TLS without a `close_notify`. Kubo's chunker takes an early end for the end of the file (boxo `chunker/splitting.go`), even that of a
    /// chunked body without its last chunk; a reset is an error to it.
    Reset,
}

/// One connection.
pub(super) struct Connection {
    requests: SendRequest<Outgoing>,
    _driver: Driver,
}

/// The task that moves the bytes; ends with this value.
struct Driver(AbortHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Connection {
    /// Speaks HTTP over a stream.
    async fn over(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> Result<Self, IpfsError> {
        let (requests, connection) = Builder::new()
            .max_buf_size(BUFFER)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| unavailable("handshake", &error))?;
        // Errors of the connection also reach whoever waits for the answer.
        let driver = tokio::spawn(async { drop(connection.await) });
        Ok(Self { requests, _driver: Driver(driver.abort_handle()) })
    }

    /// Sends a request. The future ends with the head of the answer, which may come before the body is sent.
    pub(super) fn send(
        &mut self,
        request: Request<Outgoing>,
    ) -> impl Future<Output = hyper::Result<Response<Incoming>>> + Send + use<> {
        self.requests.send_request(request)
    }
}

/// A listener and the idle connections to it.
pub(super) struct Origin {
    endpoint: Endpoint,
    host: HeaderValue,
    authorization: Option<HeaderValue>,
    tls: Tls,
    idle: Mutex<Vec<(Connection, Instant)>>,
}

impl Origin {
    /// Makes no connection yet.
    pub(super) fn new(endpoint: Endpoint, login: Option<&KuboLogin>, tls: &Tls) -> Self {
        // The gateway answers the name `localhost` with a redirect to a subdomain.
        let host = match endpoint.host.as_str() {
            "localhost" => format!("127.0.0.1:{}", endpoint.port),
            host if host.contains(':') => format!("[{host}]:{}", endpoint.port),
            host => format!("{host}:{}", endpoint.port),
        };
        let host = HeaderValue::try_from(host).unwrap_or(HeaderValue::from_static("127.0.0.1"));
        let authorization = login.and_then(authorization);
        Self { endpoint, host, authorization, tls: tls.clone(), idle: Mutex::default() }
    }

    /// Opens a connection.
    pub(super) async fn open(&self, drops: Drops) -> Result<Connection, IpfsError> {
        let Self { endpoint, .. } = self;
        let late = |_| IpfsError::Unavailable(format!("{endpoint} does not accept a connection"));
        let failed = |error| unavailable(&format!("connecting to {endpoint}"), &error);
        let stream = TcpStream::connect((endpoint.host.as_str(), endpoint.port));
        let stream = timeout(CONNECT, stream).await.map_err(late)?.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        if drops == Drops::Reset {
            stream.set_zero_linger().map_err(failed)?;
        }
        if endpoint.https {
            Connection::over(self.encrypt(stream).await?).await
        } else {
            Connection::over(stream).await
        }
    }

    /// Begins TLS with whoever has the host's name.
    async fn encrypt(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, IpfsError> {
        let Self { endpoint, tls, .. } = self;
        let unnamed = || IpfsError::Unavailable(format!("{endpoint} cannot have a certificate"));
        let name = ServerName::try_from(endpoint.host.clone()).map_err(|_| unnamed())?;
        let client = tls.0.clone().ok_or_else(unnamed)?;
        let shaking = timeout(CONNECT, TlsConnector::from(client).connect(name, stream)).await;
        let late = |_| IpfsError::Unavailable(format!("{endpoint} does not begin TLS"));
        shaking.map_err(late)?.map_err(|error| unavailable(&format!("TLS with {endpoint}"), &error))
    }

    /// Sends the request that `request` makes and waits for the head of the answer, at most `first_byte` from when the
    /// connection is there. Every call that comes here may be repeated: one that an idle connection lost is.
    pub(super) async fn call(
        self: &Arc<Self>,
        name: &'static str,
        first_byte: Duration,
        request: impl Fn() -> Request<Outgoing>,
    ) -> Result<Answer, IpfsError> {
        let late = |_| IpfsError::Unavailable(format!("{name} got no answer in {first_byte:?}"));
        if let Some(mut connection) = self.reuse() {
            let head = connection.send(self.address(request()));
            if let Ok(head) = timeout(first_byte, head).await.map_err(late)? {
                return Ok(Answer::new(name, head, connection, Arc::clone(self)));
            }
        }
        let mut connection = self.open(Drops::Closed).await?;
        let head = connection.send(self.address(request()));
        let head = timeout(first_byte, head).await.map_err(late)?;
        let head = head.map_err(|error| unavailable(name, &error))?;
        Ok(Answer::new(name, head, connection, Arc::clone(self)))
    }

    /// Adds the headers that every request has.
    pub(super) fn address(&self, mut request: Request<Outgoing>) -> Request<Outgoing> {
        let headers = request.headers_mut();
        headers.insert(HOST, self.host.clone());
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        request
    }

    /// Keeps a connection whose last answer was read to its end.
    pub(super) fn keep(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push((connection, Instant::now()));
        }
    }

    /// The connection used last, so that those not needed grow old. The others are dropped when they are too old.
    fn reuse(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(connection, since)| {
            !connection.requests.is_closed() && since.elapsed() < IDLE
        });
        let at = idle.iter().rposition(|(connection, _)| connection.requests.is_ready())?;
        Some(idle.remove(at).0)
    }
}

/// The header that shows a login, marked as one that is not to be printed. `None` only for what settings refuse.
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
