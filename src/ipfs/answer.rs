//! Answers of Kubo, read to their end, within bounds of time and size.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderName};
use hyper::http::response::Parts;
use hyper::{Response, StatusCode};
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use tokio::time::timeout;

use super::error::{IpfsError, Refusal, broken_off, is_stopping, text};
use super::origin::{Connection, Origin};
use crate::ipld::Cid;

/// Longest time without a byte inside an answer.
pub(super) const SILENCE: Duration = Duration::from_secs(30);
/// Longest answer, in bytes, to a call that transfers no content.
const SMALL: usize = 64 << 10;
/// Trailer in which an RPC reports that it failed after it had answered 200 (go-ipfs-cmds `http/responseemitter.go`).
const STREAM_ERROR: HeaderName = HeaderName::from_static("x-stream-error");

/// An answer whose head has arrived, and the connection from which its body comes.
pub(super) struct Answer {
    call: &'static str,
    pub(super) head: Parts,
    pub(super) body: Incoming,
    pub(super) connection: Connection,
    pub(super) origin: Arc<Origin>,
}

impl Answer {
    pub(super) fn new(
        call: &'static str,
        response: Response<Incoming>,
        connection: Connection,
        origin: Arc<Origin>,
    ) -> Self {
        let (head, body) = response.into_parts();
        Self { call, head, body, connection, origin }
    }

    /// Separates a success from a refusal, and reads the text of a refusal.
    pub(super) async fn accepted(self) -> Result<Result<Self, Refusal>, IpfsError> {
        let (call, status) = (self.call, self.head.status);
        if matches!(status, StatusCode::OK | StatusCode::PARTIAL_CONTENT) {
            return Ok(Ok(self));
        }
        let body = self.bytes(SMALL).await?;
        Ok(Err(Refusal::parse(call, status, &body)))
    }

    /// Reads the whole body, at most `limit` bytes.
    pub(super) async fn bytes(mut self, limit: usize) -> Result<Bytes, IpfsError> {
        let mut frames = Vec::new();
        let mut len = 0;
        while let Some(frame) = self.frame().await? {
            len += frame.len();
            if len > limit {
                return Err(IpfsError::Broken(format!(
                    "{} answered over {limit} bytes",
                    self.call
                )));
            }
            frames.push(frame);
        }
        self.origin.keep(self.connection);
        match <[Bytes; 1]>::try_from(frames) {
            Ok([whole]) => Ok(whole),
            Err(frames) => Ok(frames.concat().into()),
        }
    }

    /// Reads the body to its end, and counts its lines.
    pub(super) async fn count_lines(mut self) -> Result<u64, IpfsError> {
        let mut lines = 0;
        while let Some(frame) = self.frame().await? {
            lines += frame.iter().filter(|byte| **byte == b'\n').count() as u64;
        }
        self.origin.keep(self.connection);
        Ok(lines)
    }

    /// Reads the body line by line. A line has at most `limit` bytes.
    pub(super) fn lines(self, limit: usize) -> Lines {
        Lines { answer: self, pending: BytesMut::new(), limit }
    }

    /// Reads the whole body as JSON.
    pub(super) async fn json<T: DeserializeOwned>(self) -> Result<T, IpfsError> {
        let call = self.call;
        let body = self.bytes(SMALL).await?;
        serde_json::from_slice(&body)
            .map_err(|_| IpfsError::Broken(format!("{call} answered `{}`", text(&body))))
    }

    /// Reads the next data of the body. `None` is a clean end.
    async fn frame(&mut self) -> Result<Option<Bytes>, IpfsError> {
        let call = self.call;
        loop {
            let frame = timeout(SILENCE, self.body.frame()).await;
            let frame = frame.map_err(|_| IpfsError::Unavailable(format!("{call} fell silent")))?;
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|error| broken_off(call, &error))?;
            match frame.into_data() {
                Ok(data) => return Ok(Some(data)),
                Err(frame) => {
                    frame.trailers_ref().map_or(Ok(()), |trailers| check(call, trailers))?;
                }
            }
        }
    }
}

/// The lines of a body.
pub(super) struct Lines {
    answer: Answer,
    pending: BytesMut,
    limit: usize,
}

impl Lines {
    /// The next line, without its end. `None` at the end of the body.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, IpfsError> {
        let mut seen = 0;
        loop {
            if let Some(end) = self.pending[seen..].iter().position(|byte| *byte == b'\n') {
                let mut line = self.pending.split_to(seen + end + 1).freeze();
                line.truncate(line.len() - 1);
                return Ok(Some(line));
            }
            seen = self.pending.len();
            if seen > self.limit {
                let call = self.answer.call;
                return Err(IpfsError::Broken(format!("{call} answered a line over {seen} bytes")));
            }
            match self.answer.frame().await? {
                Some(frame) => self.pending.extend_from_slice(&frame),
                None if self.pending.is_empty() => return Ok(None),
                None => return Ok(Some(self.pending.split().freeze())),
            }
        }
    }

    /// Keeps the connection, after the last line.
    pub(super) fn end(self) -> Result<(), IpfsError> {
        self.answer.origin.keep(self.answer.connection);
        Ok(())
    }
}

/// Fails if the trailers report an error.
pub(super) fn check(call: &str, trailers: &HeaderMap) -> Result<(), IpfsError> {
    match trailers.get(STREAM_ERROR) {
        None => Ok(()),
        Some(error) => {
            let error = text(error.as_bytes());
            let message = format!("{call} failed at its end: {error}");
            Err(if is_stopping(&error) {
                IpfsError::Gone(message)
            } else {
                IpfsError::Broken(message)
            })
        }
    }
}

/// Reads a CID in an answer, for `deserialize_with`.
pub(super) fn cid<'de, D: Deserializer<'de>>(json: D) -> Result<Cid, D::Error> {
    String::deserialize(json)?.parse().map_err(Error::custom)
}
