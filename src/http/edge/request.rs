//! A request as its handler gets it, with typed readers of its headers and body.

use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Body;
use hyper::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, HeaderName, IF_NONE_MATCH,
    IF_RANGE, RANGE,
};
use hyper::{HeaderMap, StatusCode, Uri};
use tokio::time::timeout;

use super::error::HttpError;
use super::shared::{Edge, Limits};
use crate::auth::{AuthError, Credentials};
use crate::net::Received;
use crate::oci::{Chunk, ErrorCode, Selection};
use crate::registry::Registry;
use crate::stream::gather::{GatherError, gather};
use crate::stream::lag::time_of;
use crate::stream::stall::Stalling;

/// Time that a body may take whatever its size.
const HEAD_START: Duration = Duration::from_secs(10);

/// Time for a body where there is no minimum rate.
const UNLIMITED: Duration = Duration::from_secs(24 * 60 * 60);

/// A request whose endpoint is known.
pub(in crate::http) struct Request {
    pub(in crate::http) edge: Edge,
    pub(in crate::http) uri: Uri,
    /// Address of the client.
    pub(in crate::http) client: IpAddr,
    pub(in crate::http) headers: HeaderMap,
    pub(in crate::http) body: Received,
}

impl Request {
    pub(in crate::http) fn registry(&self) -> &Registry {
        self.edge.registry()
    }

    /// The query of the URI, undecoded.
    pub(in crate::http) fn query(&self) -> &str {
        self.uri.query().unwrap_or_default()
    }

    /// The value of Authorization.
    pub(in crate::http) fn credentials(&self) -> Result<Credentials, AuthError> {
        Credentials::parse(self.headers.get(AUTHORIZATION).map(|value| value.as_bytes()))
    }

    /// The value of Content-Type, unparsed.
    pub(in crate::http) fn content_type(&self) -> Option<String> {
        self.text(CONTENT_TYPE).map(str::to_owned)
    }

    /// The chunk that Content-Range announces.
    ///
    /// # Errors
    /// 416 for a malformed value. A client that resumes an upload then asks how many bytes it has.
    pub(in crate::http) fn chunk(&self) -> Result<Option<Chunk>, HttpError> {
        let Some(value) = self.headers.get(CONTENT_RANGE) else { return Ok(None) };
        let parsed = value.to_str().ok().and_then(|value| value.parse().ok());
        parsed.map(Some).ok_or_else(|| HttpError::Request {
            status: StatusCode::RANGE_NOT_SATISFIABLE,
            code: ErrorCode::BlobUploadInvalid,
            message: "the Content-Range of a chunk must be first-last, as in 0-1023".to_owned(),
        })
    }

    /// Refuses a body that has a Content-Encoding. Its digest is computed over the bytes as they are sent.
    pub(in crate::http) fn refuse_encoding(&self) -> Result<(), HttpError> {
        match self.headers.get(CONTENT_ENCODING) {
            None => Ok(()),
            Some(encoding) if encoding.as_bytes().eq_ignore_ascii_case(b"identity") => Ok(()),
            Some(_) => Err(HttpError::Request {
                status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
                code: ErrorCode::Unsupported,
                message: "a push must not have a Content-Encoding".to_owned(),
            }),
        }
    }

    /// Whether If-None-Match names this entity tag, by weak comparison or as `*` (RFC 9110, 13.1.2).
    pub(in crate::http) fn none_match_hits(&self, etag: &str) -> bool {
        let values = self.headers.get_all(IF_NONE_MATCH).iter();
        values.filter_map(|value| value.to_str().ok()).any(|value| {
            value
                .split(',')
                .map(str::trim)
                .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
        })
    }

    /// The bytes that a GET asks for. A Range is ignored when an If-Range beside it names another entity (RFC 9110,
    /// 13.1.5).
    pub(in crate::http) fn selection(&self, etag: &str, size: u64) -> Selection {
        let Some(range) = self.text(RANGE) else { return Selection::Whole };
        match self.headers.get(IF_RANGE) {
            Some(other) if other.as_bytes() != etag.as_bytes() => Selection::Whole,
            Some(_) | None => Selection::parse(range, size),
        }
    }

    /// Whether the request has no body.
    pub(in crate::http) fn is_empty(&self) -> bool {
        self.body.is_end_stream()
    }

    /// Fewest bytes that the body has, as far as the client said.
    pub(in crate::http) fn announced(&self) -> u64 {
        self.body.size_hint().lower()
    }

    /// The body as a stream, which fails when it stalls or trickles.
    pub(in crate::http) fn body(self) -> Pin<Box<Stalling<Received>>> {
        let Limits { body_stall, body_rate, .. } = *self.edge.limits();
        Box::pin(Stalling::new(self.body, body_stall, body_rate))
    }

    /// Time for a body of at most `most` bytes to arrive: [`HEAD_START`], and what its bytes take at the minimum rate.
    pub(in crate::http) fn time_for(&self, most: usize) -> Duration {
        let announced = self.body.size_hint().upper().unwrap_or(u64::MAX);
        let bytes = announced.min(most as u64);
        match self.edge.limits().body_rate {
            0 => UNLIMITED,
            rate => HEAD_START + time_of(bytes, rate),
        }
    }

    /// Reads the whole body, of at most `most` bytes, within a time. The message of an error names `what` was read. A
    /// body that ends early has the error code `broken`.
    pub(in crate::http) async fn read(
        &mut self,
        what: &'static str,
        most: usize,
        within: Duration,
        broken: ErrorCode,
    ) -> Result<Bytes, HttpError> {
        let Limits { body_stall, body_rate, .. } = *self.edge.limits();
        let body = pin!(Stalling::new(&mut self.body, body_stall, body_rate));
        let message = match timeout(within, gather(body, most)).await {
            Ok(Ok(bytes)) => return Ok(bytes),
            Ok(Err(GatherError::TooLong(most))) => return Err(HttpError::TooLarge { what, most }),
            Ok(Err(GatherError::Failed(error))) => format!("the request body ended early: {error}"),
            Err(_) => format!("the {what} did not arrive within {within:?}"),
        };
        Err(HttpError::bad_request(broken, message))
    }

    /// The value of a header, if it has one and it is text.
    fn text(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}
