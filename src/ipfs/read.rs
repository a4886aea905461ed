//! Streams files out of Kubo, through its gateway or, if none is set, through the RPC `cat`.
//!
//! `cat` copies 4 KiB at a time. When it fails in the middle, it ends the body normally and reports the error in the trailer
//! (go-ipfs-cmds `http/responseemitter.go`). The gateway sends a `Content-Length` and breaks the connection.

use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_LENGTH, HeaderName, HeaderValue, RANGE};
use hyper::{Request, StatusCode, Uri};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep};

use super::answer::{Answer, SILENCE, check};
use super::call::{FIRST_BYTE, call};
use super::error::{IpfsError, unavailable};
use super::kubo::Kubo;
use super::multipart::Outgoing;
use super::origin::{Connection, Origin};
use super::rpc::Rpc;
use crate::ipld::Cid;
use crate::telemetry::metrics::{self, Call};

/// Header in which `cat` announces the number of bytes (Kubo `core/commands/cat.go`).
const X_CONTENT_LENGTH: HeaderName = HeaderName::from_static("x-content-length");

impl Kubo {
    /// Reads a file of `size` bytes, or a range of it. When this returns, the head of the answer has arrived; the bytes
    /// come in the body. A range that ends beyond the file is shortened.
    pub async fn read(
        &self,
        cid: &Cid,
        size: u64,
        range: Option<Range<u64>>,
    ) -> Result<ReadBody, IpfsError> {
        let range = range.map(|range| range.start.min(size)..range.end.min(size));
        let range = range.filter(|range| *range != (0..size));
        if range.as_ref().is_some_and(Range::is_empty) {
            return Ok(ReadBody::none(""));
        }
        let (name, source) = match &self.gateway {
            Some(gateway) => ("gateway", Source::Gateway(gateway)),
            None => ("cat", Source::Cat(&self.api)),
        };
        let call = metrics::kubo_call(name);
        let expected = range.as_ref().map_or(size, |range| range.end - range.start);
        match source.open(cid, range.as_ref(), expected).await {
            Ok(answer) => Ok(ReadBody::new(name, answer, expected, call)),
            Err(error) => call.end(Err(error)),
        }
    }
}

enum Source<'a> {
    Gateway(&'a Arc<Origin>),
    Cat(&'a Arc<Origin>),
}

impl Source<'_> {
    /// Sends the request, and checks that the answer announces the expected number of bytes.
    async fn open(
        &self,
        cid: &Cid,
        range: Option<&Range<u64>>,
        expected: u64,
    ) -> Result<Answer, IpfsError> {
        let (answer, length) = match self {
            Self::Gateway(origin) => (gateway(origin, cid, range).await?, CONTENT_LENGTH),
            Self::Cat(api) => (cat(api, cid, range).await?, X_CONTENT_LENGTH),
        };
        let announced = answer.head.headers.get(&length).and_then(|value| value.to_str().ok());
        if announced.and_then(|text| text.parse().ok()) == Some(expected) {
            return Ok(answer);
        }
        let announced = announced.unwrap_or("none");
        Err(IpfsError::Broken(format!("{cid}: {length} {announced}, expected {expected}")))
    }
}

async fn gateway(
    origin: &Arc<Origin>,
    cid: &Cid,
    range: Option<&Range<u64>>,
) -> Result<Answer, IpfsError> {
    let path = format!("/ipfs/{cid}");
    let uri: Uri =
        path.parse().map_err(|_| IpfsError::Broken(format!("`{path}` is not a path")))?;
    let range = range.map(|range| format!("bytes={}-{}", range.start, range.end - 1));
    let request = || {
        let mut request = Request::new(Outgoing::Whole([].into()));
        *request.uri_mut() = uri.clone();
        let headers = request.headers_mut();
        // Even a gateway that may fetch from the network must not do so for this request.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("only-if-cached"));
        if let Some(Ok(range)) = range.as_deref().map(HeaderValue::from_str) {
            headers.insert(RANGE, range);
        }
        request
    };
    let answer = call(origin, "gateway", FIRST_BYTE, request).await?.accepted().await?;
    let answer = answer.map_err(|refusal| refusal.about(cid))?;
    let expected = if range.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    match answer.head.status {
        status if status == expected => Ok(answer),
        status => Err(IpfsError::Broken(format!("gateway answered {status} for {cid}"))),
    }
}

async fn cat(
    api: &Arc<Origin>,
    cid: &Cid,
    range: Option<&Range<u64>>,
) -> Result<Answer, IpfsError> {
    let rpc = Rpc::new("cat").about(cid).with("offline=true");
    let rpc = match range {
        Some(range) => {
            rpc.with(&format!("offset={}&length={}", range.start, range.end - range.start))
        }
        None => rpc,
    };
    rpc.send(api).await
}

pin_project! {
    /// The bytes of a file from Kubo: exactly as many as were asked for, or an error.
    ///
    /// Dropping it closes its connection.
    pub struct ReadBody {
        name: &'static str,
        // `None` after the last byte or an error.
        transfer: Option<Transfer>,
        expected: u64,
        remaining: u64,
        // Runs while Kubo sends nothing.
        #[pin]
        silence: Sleep,
        silent: bool,
    }
}

/// A read that is not finished.
struct Transfer {
    body: Incoming,
    connection: Connection,
    origin: Arc<Origin>,
    call: Call,
}

impl ReadBody {
    fn new(name: &'static str, answer: Answer, expected: u64, call: Call) -> Self {
        let Answer { body, connection, origin, .. } = answer;
        let transfer = Transfer { body, connection, origin, call };
        let mut read =
            Self { transfer: Some(transfer), expected, remaining: expected, ..Self::none(name) };
        if expected == 0 {
            finish(&mut read.transfer, Ok(()));
        }
        read
    }

    fn none(name: &'static str) -> Self {
        Self {
            name,
            transfer: None,
            expected: 0,
            remaining: 0,
            silence: sleep(SILENCE),
            silent: false,
        }
    }
}

/// Ends a transfer. Keeps its connection if the answer was read to its end.
fn finish(transfer: &mut Option<Transfer>, result: Result<(), IpfsError>) -> Option<IpfsError> {
    let Transfer { body, connection, origin, call } = transfer.take()?;
    let result = call.end(result);
    if result.is_ok() && body.is_end_stream() {
        origin.keep(connection);
    }
    result.err()
}

impl Body for ReadBody {
    type Data = Bytes;
    type Error = IpfsError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, IpfsError>>> {
        let mut this = self.project();
        let Some(transfer) = this.transfer.as_mut() else { return Poll::Ready(None) };
        let frame = match Pin::new(&mut transfer.body).poll_frame(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                if !*this.silent {
                    this.silence.as_mut().reset(Instant::now() + SILENCE);
                    *this.silent = true;
                }
                ready!(this.silence.poll(cx));
                let error = IpfsError::Unavailable(format!("{} fell silent", this.name));
                return Poll::Ready(finish(this.transfer, Err(error)).map(Err));
            }
        };
        *this.silent = false;
        match advance(this.name, frame, *this.remaining, *this.expected) {
            Ok(Some(data)) => {
                *this.remaining -= data.len() as u64;
                if *this.remaining == 0 {
                    finish(this.transfer, Ok(()));
                }
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Ok(None) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Err(error) => Poll::Ready(finish(this.transfer, Err(error)).map(Err)),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.transfer.is_none() && self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

/// Checks a frame that came while `remaining` of `expected` bytes were missing. `None` is a frame without data.
fn advance(
    name: &str,
    frame: Option<Result<Frame<Bytes>, hyper::Error>>,
    remaining: u64,
    expected: u64,
) -> Result<Option<Bytes>, IpfsError> {
    let at = || format!("{name}, after {} of {expected} bytes", expected - remaining);
    let Some(frame) = frame else {
        return Err(IpfsError::Broken(format!("{} the answer ended", at())));
    };
    // A broken connection does not tell whether a block is missing or the node went away.
    let frame = frame.map_err(|error| unavailable(&at(), &error))?;
    match frame.into_data() {
        Ok(data) if data.len() as u64 > remaining => {
            Err(IpfsError::Broken(format!("{name} sent over {expected} bytes")))
        }
        Ok(data) => Ok(Some(data)),
        Err(frame) => {
            frame.trailers_ref().map_or(Ok(()), |trailers| check(name, trailers)).map(|()| None)
        }
    }
}
