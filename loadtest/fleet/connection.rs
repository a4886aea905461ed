//! One connection to the registry, and one request over it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use af_registry::oci::{Algorithm, Digest};
use af_registry::stream::hashing::Hasher;
use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::header::{AUTHORIZATION, HOST, RETRY_AFTER};
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// The body of a request.
pub(crate) type Outgoing = BoxBody<Bytes, std::convert::Infallible>;

/// Largest read at once. Few large reads cost less than many small ones.
const BUFFER: usize = 512 << 10;
/// Most of a body that is kept, beside its hash.
const KEPT: usize = 4 << 20;
/// Longest pause after a 503, whatever Retry-After says.
const PAUSE: Duration = Duration::from_secs(10);

/// Why a request brought nothing.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server is overloaded, and asks to be called again after this time.
    Busy(Duration),
    /// Anything else, in a few words that are counted.
    Failed(String),
}

impl Failure {
    pub(crate) fn of(error: impl std::fmt::Display) -> Self {
        Self::Failed(error.to_string())
    }
}

/// An answer that was read to its end.
pub(crate) struct Answer {
    pub(crate) headers: HeaderMap,
    /// The first [`KEPT`] bytes of the body.
    pub(crate) body: Vec<u8>,
    pub(crate) size: u64,
    pub(crate) first_byte: Instant,
    digest: Option<Digest>,
}

impl Answer {
    /// Fails if the body does not have this digest. An answer that was not hashed always has it.
    pub(crate) fn check(&self, expected: &str) -> Result<(), Failure> {
        match &self.digest {
            Some(digest) if digest.as_str() != expected => Err(Failure::of("wrong bytes")),
            _ => Ok(()),
        }
    }

    pub(crate) fn header(&self, name: &str) -> String {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    }
}

/// A connection, until it is dropped.
pub(crate) struct Connection {
    sender: SendRequest<Outgoing>,
    host: String,
    authorization: Option<String>,
    task: JoinHandle<()>,
}

impl Connection {
    pub(crate) async fn open(
        address: SocketAddr,
        authorization: Option<String>,
    ) -> Result<Self, Failure> {
        let connected = TcpStream::connect(address).await;
        let stream = connected.map_err(|error| Failure::Failed(format!("connect: {error}")))?;
        stream.set_nodelay(true).map_err(Failure::of)?;
        let io = TokioIo::new(stream);
        let (sender, connection) =
            Builder::new().max_buf_size(BUFFER).handshake(io).await.map_err(Failure::of)?;
        let task = tokio::spawn(async move { drop(connection.await) });
        Ok(Self { sender, host: address.to_string(), authorization, task })
    }

    /// Sends a request and reads the whole answer, and hashes its body if told to.
    pub(crate) async fn call(
        &mut self,
        method: &str,
        path: &str,
        content_type: &str,
        body: Outgoing,
        hashed: bool,
    ) -> Result<Answer, Failure> {
        let mut request = Request::builder().method(method).uri(path).header(HOST, &self.host);
        if !content_type.is_empty() {
            request = request.header("content-type", content_type);
        }
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(body).map_err(Failure::of)?;
        self.sender.ready().await.map_err(|_| Failure::of("the connection was closed"))?;
        let sent = self.sender.send_request(request).await;
        let response = sent.map_err(|_| Failure::of("the connection broke before the answer"))?;
        read(response, hashed).await
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn read(response: Response<hyper::body::Incoming>, hashed: bool) -> Result<Answer, Failure> {
    let (head, mut body) = response.into_parts();
    let mut hasher = hashed.then(|| Hasher::new(Algorithm::Sha256));
    let (mut kept, mut size, mut first_byte) = (Vec::new(), 0, None);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Failure::of("the answer was cut"))?;
        let Ok(data) = frame.into_data() else { continue };
        first_byte.get_or_insert_with(Instant::now);
        size += data.len() as u64;
        if let Some(hasher) = &mut hasher {
            hasher.update(&data);
        }
        // Layers are not kept; manifests are far smaller.
        if kept.len() + data.len() <= KEPT && head.headers.contains_key("docker-content-digest") {
            kept.extend_from_slice(&data);
        }
    }
    match head.status {
        StatusCode::SERVICE_UNAVAILABLE => Err(Failure::Busy(pause(&head.headers))),
        status if !status.is_success() => {
            Err(Failure::Failed(format!("status {}", status.as_u16())))
        }
        _ => Ok(Answer {
            headers: head.headers,
            body: kept,
            size,
            first_byte: first_byte.unwrap_or_else(Instant::now),
            digest: hasher.map(Hasher::finish),
        }),
    }
}

fn pause(headers: &HeaderMap) -> Duration {
    let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Duration::from_secs(seconds.unwrap_or(1)).min(PAUSE)
}
