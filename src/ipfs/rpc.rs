//! A small RPC: `POST /api/v0/<name>?<query>`, with at most one file.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Uri};
use serde::de::DeserializeOwned;

use super::answer::Answer;
use super::call::{FIRST_BYTE, call, call_once, send};
use super::error::{IpfsError, Refusal};
use super::kubo::Kubo;
use super::multipart::{Envelope, Outgoing};
use super::origin::Connection;
use super::patience::patient;
use super::way::Call;
use crate::ipld::Cid;
use crate::outbound::Close;
use crate::telemetry::metrics;

/// A call. It is sent again while Kubo is gone, which does no harm to any of the calls that are made.
pub(super) struct Rpc {
    call: Call,
    query: String,
    about: Option<Cid>,
    content_type: Option<String>,
    frames: VecDeque<Bytes>,
    first_byte: Duration,
}

impl Rpc {
    /// A call without arguments.
    pub(super) fn new(call: Call) -> Self {
        let frames = VecDeque::new();
        let query = String::new();
        Self { call, query, about: None, content_type: None, frames, first_byte: FIRST_BYTE }
    }

    /// Adds options, `key=value&…`.
    pub(super) fn with(mut self, options: &str) -> Self {
        self.query.push(if self.query.is_empty() { '?' } else { '&' });
        self.query.push_str(options);
        self
    }

    /// Adds the CID as the argument of the call.
    pub(super) fn about(mut self, cid: &Cid) -> Self {
        self.about = Some(*cid);
        self.with(&format!("arg={cid}"))
    }

    /// Lets the node answer from its own blocks only. A node of a cluster may ask the others, which keep what it lacks.
    pub(super) fn local(self, kubo: &Kubo) -> Self {
        if kubo.is_clustered() { self } else { self.with("offline=true") }
    }

    /// Opens a connection for [`try_send_on`](Self::try_send_on).
    pub(super) async fn open(&self, kubo: &Kubo, close: Close) -> Result<Connection, IpfsError> {
        kubo.origin(self.call).open(close).await
    }

    /// Adds a file.
    pub(super) fn file(mut self, frames: impl IntoIterator<Item = Bytes>) -> Self {
        let envelope = Envelope::new();
        self.content_type = Some(envelope.content_type());
        self.frames = [envelope.opening()].into_iter().chain(frames).collect();
        self.frames.push_back(envelope.closing());
        self
    }

    /// Sets the time for the answer to begin.
    pub(super) fn within(mut self, first_byte: Duration) -> Self {
        self.first_byte = first_byte;
        self
    }

    /// Makes the call and reads the answer as JSON.
    pub(super) async fn json<T: DeserializeOwned>(&self, kubo: &Kubo) -> Result<T, IpfsError> {
        patient(kubo.origin(self.call), || self.json_at_once(kubo)).await
    }

    /// As [`json`](Self::json), but does not wait for a Kubo that is gone.
    pub(super) async fn json_at_once<T: DeserializeOwned>(
        &self,
        kubo: &Kubo,
    ) -> Result<T, IpfsError> {
        let call = metrics::kubo_call(self.call.name());
        let result = async { self.send(kubo).await?.json().await };
        call.run(result).await
    }

    /// Makes the call and reads an answer of at most `limit` bytes.
    pub(super) async fn bytes(&self, kubo: &Kubo, limit: usize) -> Result<Bytes, IpfsError> {
        let bytes = || async {
            let call = metrics::kubo_call(self.call.name());
            let result = async { self.send(kubo).await?.bytes(limit).await };
            call.run(result).await
        };
        patient(kubo.origin(self.call), bytes).await
    }

    /// Makes the call once. A refusal is an error. The caller times it for the metrics.
    pub(super) async fn send(&self, kubo: &Kubo) -> Result<Answer, IpfsError> {
        self.try_send(kubo).await?.map_err(|refusal| match &self.about {
            Some(cid) => refusal.about(cid),
            None => refusal.into(),
        })
    }

    /// Makes the call once and returns a refusal as it is. The caller times it for the metrics.
    pub(super) async fn try_send(&self, kubo: &Kubo) -> Result<Result<Answer, Refusal>, IpfsError> {
        let (origin, name) = (kubo.origin(self.call), self.call.name());
        let uri = uri(name, &self.query)?;
        call(origin, name, self.first_byte, || self.request(&uri)).await?.accepted().await
    }

    /// Makes the call, and never makes it twice. So a call that is given up is not carried out later. The caller times it
    /// for the metrics.
    pub(super) async fn send_once(&self, kubo: &Kubo) -> Result<Answer, IpfsError> {
        let (origin, name) = (kubo.origin(self.call), self.call.name());
        let request = self.request(&uri(name, &self.query)?);
        Ok(call_once(origin, name, self.first_byte, request).await?.accepted().await??)
    }

    /// As [`try_send`](Self::try_send), on a connection that was opened with a reset as its end. So a call that is given up
    /// is not carried out later, and it is never sent twice.
    pub(super) async fn try_send_on(
        &self,
        kubo: &Kubo,
        connection: Connection,
    ) -> Result<Result<Answer, Refusal>, IpfsError> {
        let (origin, name) = (kubo.origin(self.call), self.call.name());
        let request = self.request(&uri(name, &self.query)?);
        send(origin, name, self.first_byte, connection, request).await?.accepted().await
    }

    fn request(&self, uri: &Uri) -> Request<Outgoing> {
        let mut request = post(uri.clone(), Outgoing::Whole(self.frames.clone()));
        let content_type = self.content_type.as_deref().map(HeaderValue::from_str);
        if let Some(Ok(content_type)) = content_type {
            request.headers_mut().insert(CONTENT_TYPE, content_type);
        }
        request
    }
}

/// Address of an RPC. `query` is empty or begins with `?`.
pub(super) fn uri(name: &str, query: &str) -> Result<Uri, IpfsError> {
    let uri = format!("/api/v0/{name}{query}");
    uri.parse().map_err(|_| IpfsError::Broken(format!("`{uri}` is not an address")))
}

/// A POST request with `body`.
pub(super) fn post(uri: Uri, body: Outgoing) -> Request<Outgoing> {
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    request
}
