//! Typed readers of request headers.

use hyper::HeaderMap;
use hyper::StatusCode;
use hyper::header::{
    CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, HeaderName, IF_NONE_MATCH, IF_RANGE, RANGE,
};

use super::HttpError;
use crate::oci::{Chunk, ErrorCode, Selection};

/// The header's text, when it is there and is text.
fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Content-Type, as it came.
pub(in crate::http) fn content_type(headers: &HeaderMap) -> Option<String> {
    text(headers, CONTENT_TYPE).map(str::to_owned)
}

/// The chunk that Content-Range announces.
///
/// # Errors
/// 416 for anything that is not a chunk: a client that resumes asks where the upload stands next.
pub(in crate::http) fn chunk(headers: &HeaderMap) -> Result<Option<Chunk>, HttpError> {
    let Some(value) = headers.get(CONTENT_RANGE) else { return Ok(None) };
    let parsed = value.to_str().ok().and_then(|value| value.parse().ok());
    parsed.map(Some).ok_or_else(|| HttpError::Request {
        status: StatusCode::RANGE_NOT_SATISFIABLE,
        code: ErrorCode::BlobUploadInvalid,
        message: "the Content-Range of a chunk is written first-last, as in 0-1023".to_owned(),
    })
}

/// Refuses bodies under a Content-Encoding: a digest is of the bytes themselves.
///
/// # Errors
/// 415.
pub(in crate::http) fn refuse_encoding(headers: &HeaderMap) -> Result<(), HttpError> {
    match headers.get(CONTENT_ENCODING) {
        None => Ok(()),
        Some(encoding) if encoding.as_bytes().eq_ignore_ascii_case(b"identity") => Ok(()),
        Some(_) => Err(HttpError::Request {
            status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
            code: ErrorCode::Unsupported,
            message: "a push carries no Content-Encoding".to_owned(),
        }),
    }
}

/// Whether If-None-Match names this entity tag (RFC 9110, 13.1.2): weak comparison, or `*`.
pub(in crate::http) fn none_match_hits(headers: &HeaderMap, etag: &str) -> bool {
    headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).any(|value| {
        value
            .split(',')
            .map(str::trim)
            .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
    })
}

/// The bytes a GET asks for. A Range beside an If-Range that names another entity counts for nothing (RFC 9110,
/// 13.1.5).
pub(in crate::http) fn selection(headers: &HeaderMap, etag: &str, size: u64) -> Selection {
    let Some(range) = text(headers, RANGE) else { return Selection::Whole };
    match headers.get(IF_RANGE) {
        Some(other) if other.as_bytes() != etag.as_bytes() => Selection::Whole,
        Some(_) | None => Selection::parse(range, size),
    }
}
