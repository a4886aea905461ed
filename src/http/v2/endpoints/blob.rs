//! `/v2/<name>/blobs/<digest>`, and `/v2/<name>/_af/content/<digest>` for the CID of a blob.

use hyper::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue,
};
use hyper::{Response, StatusCode};
use serde_json::json;

use crate::auth::{Authorized, Delete, Pull};
use crate::config::Network;
use crate::http::edge::answer::{Answer, Facts};
use crate::http::edge::request::Request;
use crate::http::edge::{byteranges, respond};
use crate::http::{Body, HttpError};
use crate::oci::{Digest, Selection, content_range, media_type};
use crate::registry::blob::{Blob, Puller};

/// Describes a blob (end-2) without asking Kubo. Range is ignored (RFC 9110, 14.2).
pub(in crate::http) async fn head(
    request: Request,
    may: Authorized<Pull>,
    digest: Digest,
) -> Result<Answer, HttpError> {
    let blob = request.registry().blobs().head(may.access(), &digest).await?;
    let mut response = respond::with(StatusCode::OK, Body::empty());
    describe(response.headers_mut(), &blob);
    respond::insert(response.headers_mut(), CONTENT_LENGTH, &blob.size.to_string());
    Ok(noted(response, &blob))
}

/// Gives the CID of a blob, under which any IPFS gateway can serve it, and its size.
pub(in crate::http) async fn content(
    request: Request,
    may: Authorized<Pull>,
    digest: Digest,
) -> Result<Answer, HttpError> {
    let blob = request.registry().blobs().head(may.access(), &digest).await?;
    let content = json!({
        "digest": blob.digest.as_str(),
        "cid": blob.cid.to_string(),
        "size": blob.size,
    });
    Ok(noted(respond::json(StatusCode::OK, &content), &blob))
}

/// Serves a blob, or ranges of it (end-2).
pub(in crate::http) async fn get(
    request: Request,
    may: Authorized<Pull>,
    digest: Digest,
) -> Result<Answer, HttpError> {
    let registry = request.registry();
    let blobs = registry.blobs();
    let blob = blobs.get(may.access(), &digest).await?;
    let etag = etag(&blob.digest);
    if request.none_match_hits(&etag) {
        let mut response = respond::empty(StatusCode::NOT_MODIFIED);
        describe(response.headers_mut(), &blob);
        return Ok(noted(response, &blob));
    }
    let puller = match may.subject() {
        "" => Puller::Address(Network::of_customer(request.client)),
        subject => Puller::Account(subject.to_owned()),
    };
    let response = match request.selection(&etag, blob.size) {
        Selection::Unsatisfiable => return Err(HttpError::RangeUnsatisfiable(blob.size)),
        Selection::Whole => {
            let body = blobs.read(&puller, &blob, None).await?;
            let mut response = respond::with(StatusCode::OK, Body::streamed(body));
            describe(response.headers_mut(), &blob);
            response
        }
        Selection::One(range) => {
            let body = blobs.read(&puller, &blob, Some(range.clone())).await?;
            let mut response = respond::with(StatusCode::PARTIAL_CONTENT, Body::streamed(body));
            describe(response.headers_mut(), &blob);
            respond::content_range(response.headers_mut(), &content_range(&range, blob.size));
            response
        }
        Selection::Many(ranges) => {
            let many = byteranges::open(registry.clone(), puller, blob.clone(), ranges).await?;
            let mut response = respond::with(StatusCode::PARTIAL_CONTENT, many.body);
            describe(response.headers_mut(), &blob);
            respond::insert(response.headers_mut(), CONTENT_TYPE, &many.content_type);
            response
        }
    };
    Ok(noted(response, &blob))
}

/// Unlinks a blob from this repository (end-10).
pub(in crate::http) async fn delete(
    request: Request,
    may: Authorized<Delete>,
    digest: Digest,
) -> Result<Answer, HttpError> {
    request.registry().blobs().delete(may.repository(), &digest).await?;
    let facts = Facts { digest: Some(digest.to_string()), ..Facts::default() };
    Ok(Answer { response: respond::empty(StatusCode::ACCEPTED), facts })
}

/// The entity tag of a blob. It is the digest, since the blob of a digest never changes.
fn etag(digest: &Digest) -> String {
    format!("\"{digest}\"")
}

fn describe(headers: &mut HeaderMap, blob: &Blob) {
    respond::content_digest(headers, &blob.digest);
    respond::insert(headers, ETAG, &etag(&blob.digest));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type::OCTET_STREAM));
    headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
}

fn noted(response: Response<Body>, blob: &Blob) -> Answer {
    let facts =
        Facts { digest: Some(blob.digest.to_string()), cid: Some(blob.cid), size: Some(blob.size) };
    Answer { response, facts }
}
