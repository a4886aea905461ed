//! A simple HTTP client that also sends what a well-behaved client would not.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use af_registry::oci::Digest;
use af_registry::stream::hashing::sha256;
use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Body, Frame};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, LOCATION};
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

/// The body of a request.
pub(crate) type Outgoing = BoxBody<Bytes, Infallible>;

/// A response whose body was read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Whether the connection broke before the end of the body.
    pub(crate) cut: bool,
}

impl Answer {
    /// The value of a header. Empty if there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {:?}", self.body))
    }

    /// The code of the first error in an OCI error body.
    pub(crate) fn code(&self) -> String {
        assert_eq!(self.header("content-type"), "application/json", "{self:?}");
        self.json()["errors"][0]["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Asserts the status and returns the response.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{} {:?}", self.status, self);
        self
    }

    /// Asserts the status and the code of an error.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.code(), code, "{answer:?}");
        answer
    }
}

/// A client of one server. It opens a new connection for each request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    pub(crate) addr: SocketAddr,
}

/// A body without bytes.
pub(crate) fn nothing() -> Outgoing {
    Empty::new().boxed()
}

/// A body with a Content-Length.
pub(crate) fn full(bytes: impl Into<Bytes>) -> Outgoing {
    Full::new(bytes.into()).boxed()
}

/// A body without a Content-Length, sent in pieces.
pub(crate) fn chunked(bytes: impl Into<Bytes>, piece: usize) -> Outgoing {
    let bytes = bytes.into();
    Pieces(bytes.chunks(piece).map(|piece| bytes.slice_ref(piece)).collect()).boxed()
}

struct Pieces(VecDeque<Bytes>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }
}

impl Client {
    /// Sends one request and reads the whole response.
    pub(crate) async fn send(&self, request: Request<Outgoing>) -> Answer {
        self.try_send(request).await.unwrap()
    }

    /// Sends one request. An error means that there was no response.
    pub(crate) async fn try_send(
        &self,
        request: Request<Outgoing>,
    ) -> Result<Answer, hyper::Error> {
        let stream = TcpStream::connect(self.addr).await.unwrap();
        self.send_over(stream, request).await
    }

    /// Sends one request over a new connection. An error means that there was no response.
    pub(crate) async fn send_over(
        &self,
        stream: TcpStream,
        mut request: Request<Outgoing>,
    ) -> Result<Answer, hyper::Error> {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let host = self.addr.to_string().parse().unwrap();
        request.headers_mut().entry(HOST).or_insert(host);
        let (head, mut body) = sender.send_request(request).await?.into_parts();
        let mut bytes = Vec::new();
        let mut cut = false;
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => bytes.extend_from_slice(frame.data_ref().map_or(&[][..], |d| d)),
                Err(_) => {
                    cut = true;
                    break;
                }
            }
        }
        connection.abort();
        Ok(Answer { status: head.status, headers: head.headers, body: bytes.into(), cut })
    }

    /// Sends a request without a body.
    pub(crate) async fn ask(&self, method: &str, path: &str) -> Answer {
        self.send(request(method, path, &[], nothing())).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path).await
    }

    pub(crate) async fn head(&self, path: &str) -> Answer {
        self.ask("HEAD", path).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.ask("DELETE", path).await
    }

    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(request("GET", path, headers, nothing())).await
    }

    /// Opens an upload session and returns its path.
    pub(crate) async fn start_upload(&self, repository: &str) -> String {
        let answer =
            self.ask("POST", &format!("/v2/{repository}/blobs/uploads/")).await.expect(202);
        answer.header(LOCATION.as_str()).to_owned()
    }

    /// Pushes a blob as docker does: POST, one chunked PATCH, PUT.
    pub(crate) async fn push_blob(&self, repository: &str, bytes: &Bytes) -> Digest {
        let digest = sha256(bytes);
        let session = self.start_upload(repository).await;
        let patch = request("PATCH", &session, &[], chunked(bytes.clone(), 32 << 10));
        let answer = self.send(patch).await.expect(202);
        let location = answer.header("location").to_owned();
        let put = format!("{location}?digest={digest}");
        self.ask("PUT", &put).await.expect(201);
        digest
    }

    /// Pushes a manifest.
    pub(crate) async fn push_manifest(
        &self,
        repository: &str,
        reference: &str,
        media_type: &str,
        bytes: impl Into<Bytes>,
    ) -> Answer {
        let path = format!("/v2/{repository}/manifests/{reference}");
        self.send(request("PUT", &path, &[(CONTENT_TYPE.as_str(), media_type)], full(bytes))).await
    }

    /// Pushes an image of one layer under a tag; returns manifest digest and layer digest.
    pub(crate) async fn push_image(
        &self,
        repository: &str,
        tag: &str,
        layer: &Bytes,
    ) -> (Digest, Digest) {
        let config = Bytes::from_static(b"{}");
        let config_digest = self.push_blob(repository, &config).await;
        let layer_digest = self.push_blob(repository, layer).await;
        let manifest = image(&config_digest, config.len(), &[(&layer_digest, layer.len())]);
        let digest = sha256(&manifest);
        self.push_manifest(repository, tag, OCI_MANIFEST, manifest).await.expect(201);
        (digest, layer_digest)
    }
}

pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// An OCI image manifest.
pub(crate) fn image(config: &Digest, config_size: usize, layers: &[(&Digest, usize)]) -> Bytes {
    let layers: Vec<Value> = layers
        .iter()
        .map(|(digest, size)| {
            json!({ "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest.as_str(), "size": size })
        })
        .collect();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config.as_str(), "size": config_size },
        "layers": layers,
    });
    serde_json::to_vec(&manifest).unwrap().into()
}

/// Builds a request with these headers.
pub(crate) fn request(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Outgoing,
) -> Request<Outgoing> {
    let mut request =
        Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body).unwrap()
}

/// Random bytes, which cannot be deduplicated or compressed. The same seed gives the same bytes.
pub(crate) fn random(seed: u64, length: usize) -> Bytes {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes.into()
}
