//! The log line and the metrics of one request, written when its response has ended: sent, cut or dropped.

use std::mem::take;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::{HeaderMap, Method, Request, StatusCode};
use pin_project_lite::pin_project;
use tracing::{debug, info, warn};

use super::answer::Facts;
use super::body::Body;
use super::request_id::RequestId;
use crate::http::v2::Endpoint;
use crate::registry::RegistryError;
use crate::telemetry::metrics::{self, Content, Direction, Transfer, TransferEnd};
use crate::telemetry::trace::{self, Asked, Root};

/// The content of a request's log line, which is written when this is dropped.
pub(in crate::http) struct Record {
    pub(in crate::http) request_id: RequestId,
    trace: Root,
    method: &'static str,
    path: String,
    endpoint: &'static str,
    is_probe: bool,
    transfer: Option<Transfer>,
    repository: Option<String>,
    subject: String,
    status: StatusCode,
    facts: Facts,
    sent: u64,
    ending: Ending,
    began: Instant,
    _in_flight: metrics::Raised,
}

/// How a response ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// The client closed the connection before the end.
    Dropped,
    /// The server cut it, because the rest of the body could not be read or was wrong.
    Cut,
    /// The last byte was sent.
    Done,
}

impl Record {
    pub(in crate::http) fn begin<B>(request: &Request<B>) -> Self {
        Self {
            request_id: RequestId::of(request.headers()),
            trace: Root::begin(parent(request.headers())),
            method: bounded(request.method()),
            path: shortened(request.uri().path()).to_owned(),
            endpoint: "unknown",
            is_probe: false,
            transfer: None,
            repository: None,
            subject: String::new(),
            status: StatusCode::OK,
            facts: Facts::default(),
            sent: 0,
            ending: Ending::Dropped,
            began: Instant::now(),
            _in_flight: metrics::request_in_flight(),
        }
    }

    pub(in crate::http) fn called(&mut self, subject: &str) {
        self.subject = subject.to_owned();
    }

    pub(in crate::http) fn routed(&mut self, endpoint: &Endpoint) {
        self.endpoint = endpoint.name();
        self.is_probe = endpoint.is_probe();
        self.transfer = endpoint.transfer();
        self.repository = endpoint.repository().map(ToString::to_string);
    }

    pub(in crate::http) fn answered(&mut self, status: StatusCode, facts: Facts) {
        self.status = status;
        self.facts = facts;
    }

    /// The span that work for the request belongs to.
    pub(in crate::http) fn context(&self) -> Option<trace::Context> {
        self.trace.context()
    }

    fn transfer_end(&self) -> TransferEnd {
        match (self.ending, self.status) {
            (_, status) if status.is_server_error() => TransferEnd::Failed,
            (_, status) if status.is_client_error() => TransferEnd::Refused,
            (Ending::Cut, _) => TransferEnd::Cut,
            (Ending::Dropped, _) => TransferEnd::Dropped,
            (Ending::Done, _) => TransferEnd::Ok,
        }
    }

    /// Bytes of a blob that a client has or sent.
    fn moved(&self, transfer: Transfer) -> u64 {
        match (transfer.direction, transfer.content) {
            (Direction::Pull, Content::Blob) => self.sent,
            (Direction::Push, Content::Blob) => self.facts.size.unwrap_or(0),
            _ => 0,
        }
    }

    /// Counts a frame of the answer's body.
    fn sending(&mut self, bytes: u64) {
        if let Some(transfer) = self.transfer.filter(|it| it.direction == Direction::Pull) {
            if self.sent == 0 && bytes > 0 && self.status.is_success() {
                transfer.first_byte(self.began.elapsed(), self.trace.recorded());
            }
            if transfer.content == Content::Blob {
                metrics::sent(bytes);
            }
        }
        self.sent += bytes;
    }

    fn write(&self) {
        let duration_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let ending = match self.ending {
            Ending::Dropped => "dropped",
            Ending::Cut => "cut",
            Ending::Done => "done",
        };
        let trace_id = self.context().map(|context| format!("{:032x}", context.trace));
        macro_rules! line {
            ($level:ident) => {
                $level!(
                    event = self.endpoint,
                    repository = self.repository.as_deref(),
                    digest = self.facts.digest.as_deref(),
                    ipfs_cid = self.facts.cid.map(tracing::field::display),
                    size = self.facts.size,
                    duration_ms,
                    method = self.method,
                    path = self.path,
                    status = self.status.as_u16(),
                    request_id = %self.request_id,
                    trace_id = trace_id.as_deref(),
                    bytes_sent = self.sent,
                    subject = self.subject,
                    ending,
                    "{} {} {}", self.method, self.path, self.status.as_u16()
                )
            };
        }
        if self.ending == Ending::Cut || self.status.is_server_error() {
            line!(warn);
        } else if self.is_probe {
            line!(debug);
        } else {
            line!(info);
        }
    }

    /// Ends the span of the request. It takes what the log line and the metrics needed before it.
    fn end_trace(&mut self) {
        let outcome = match self.ending {
            _ if self.status.is_server_error() => "error",
            Ending::Cut => "error",
            Ending::Dropped => "dropped",
            Ending::Done => "ok",
        };
        self.trace.end(outcome, || Asked {
            id: self.request_id.to_string(),
            method: self.method,
            endpoint: self.endpoint,
            path: take(&mut self.path),
            status: self.status.as_u16(),
            repository: self.repository.take(),
            digest: self.facts.digest.take(),
            sent: self.sent,
        });
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let (took, trace) = (self.began.elapsed(), self.trace.recorded());
        metrics::request(self.method, self.endpoint, self.status.as_u16(), took, trace);
        if let Some(transfer) = self.transfer {
            let end = self.transfer_end();
            transfer.ended(end, took, self.sent, trace);
            if let (TransferEnd::Ok, Some(repository)) = (end, &self.repository) {
                metrics::repository_transfer(transfer.direction, repository, self.moved(transfer));
            }
        }
        self.write();
        self.end_trace();
    }
}

/// The beginning of a path, which a client may make as long as a head.
fn shortened(path: &str) -> &str {
    &path[..path.floor_char_boundary(256)]
}

/// The span of the caller, from the only header `traceparent`.
fn parent(headers: &HeaderMap) -> Option<trace::Context> {
    let mut given = headers.get_all("traceparent").iter();
    match (given.next(), given.next()) {
        (Some(header), None) => trace::Context::parse(header.as_bytes()),
        _ => None,
    }
}

/// The method as a label of metrics. A client must not be able to create new label values.
fn bounded(method: &Method) -> &'static str {
    match *method {
        Method::DELETE => "DELETE",
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::PATCH => "PATCH",
        Method::POST => "POST",
        Method::PUT => "PUT",
        _ => "other",
    }
}

pin_project! {
    /// A response body that holds the record of its request until it ends.
    pub struct Recorded {
        #[pin]
        body: Body,
        record: Record,
    }
}

impl Recorded {
    pub(in crate::http) fn new(body: Body, mut record: Record) -> Self {
        if body.is_end_stream() {
            record.ending = Ending::Done;
        }
        Self { body, record }
    }
}

impl HttpBody for Recorded {
    type Data = Bytes;
    type Error = RegistryError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RegistryError>>> {
        let mut this = self.project();
        let polled = trace::enter(this.record.context(), || this.body.as_mut().poll_frame(cx));
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
                this.record.sending(bytes);
                // hyper stops polling after the last byte that Content-Length announced.
                if this.body.is_end_stream() {
                    this.record.ending = Ending::Done;
                }
            }
            Poll::Ready(Some(Err(error))) => {
                this.record.ending = Ending::Cut;
                let request_id = &this.record.request_id;
                metrics::failed(error.cause());
                warn!(event = "answer_cut", %request_id, %error, "a response was cut short: {error}");
            }
            Poll::Ready(None) => this.record.ending = Ending::Done,
            Poll::Pending => {}
        }
        polled
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}
