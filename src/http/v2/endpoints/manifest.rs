//! `/v2/<name>/manifests/<reference>`.

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, LOCATION};
use hyper::{Response, StatusCode};

use crate::auth::{Authorized, Delete, Pull, Push};
use crate::http::edge::respond::Facts;
use crate::http::edge::{request, respond};
use crate::http::v2::dispatch::Request;
use crate::http::{Body, HttpError};
use crate::oci::{Digest, ErrorCode, Path, Reference, Tag, header};
use crate::registry::manifest::Pushed;
use crate::stream::stall::Stalling;

/// Says what a manifest is (end-3).
pub(in crate::http) async fn head(
    request: Request,
    may: Authorized<Pull>,
    reference: Reference,
) -> Result<Response<Body>, HttpError> {
    let head = request.edge.registry().manifests().head(may.access(), &reference).await?;
    let mut response = respond::with(StatusCode::OK, Body::empty());
    describe(response.headers_mut(), &head.digest, &head.media_type);
    respond::insert(response.headers_mut(), CONTENT_LENGTH, &head.size.to_string());
    Ok(noted(response, &head.digest, head.size))
}

/// Serves a manifest, exactly as it was pushed (end-3). Accept is not looked at: nothing is ever converted.
pub(in crate::http) async fn get(
    request: Request,
    may: Authorized<Pull>,
    reference: Reference,
) -> Result<Response<Body>, HttpError> {
    let manifest = request.edge.registry().manifests().read(may.access(), &reference).await?;
    let hit = request::none_match_hits(&request.headers, &format!("\"{}\"", manifest.digest));
    let size = manifest.raw.len() as u64;
    let mut response = if hit {
        respond::empty(StatusCode::NOT_MODIFIED)
    } else {
        respond::with(StatusCode::OK, Body::full(manifest.raw))
    };
    describe(response.headers_mut(), &manifest.digest, &manifest.media_type);
    Ok(noted(response, &manifest.digest, size))
}

/// Stores a manifest and moves its tags (end-7).
pub(in crate::http) async fn put(
    request: Request,
    may: Authorized<Push>,
    reference: Reference,
    tags: Vec<Tag>,
) -> Result<Response<Body>, HttpError> {
    request::refuse_encoding(&request.headers)?;
    let repository = may.repository().clone();
    let content_type = request::content_type(&request.headers);
    let edge = request.edge.clone();
    let raw = read(request).await?;
    let announced: Vec<String> = tags.iter().map(Tag::to_string).collect();
    let pushed = Pushed { repository: repository.clone(), reference, tags, content_type, raw };
    let accepted = edge.registry().manifests().put(pushed).await?;
    let mut response = respond::empty(StatusCode::CREATED);
    let headers = response.headers_mut();
    respond::insert(headers, LOCATION, &Path::manifest(&repository, &accepted.digest));
    respond::content_digest(headers, &accepted.digest);
    if let Some(subject) = &accepted.subject {
        respond::insert(headers, HeaderName::from_static(header::OCI_SUBJECT), subject);
    }
    for tag in announced {
        if let Ok(tag) = tag.parse() {
            headers.append(HeaderName::from_static(header::OCI_TAG), tag);
        }
    }
    Ok(noted(response, &accepted.digest, accepted.size))
}

/// Removes a tag, or a manifest with its tags (end-9).
pub(in crate::http) async fn delete(
    request: Request,
    may: Authorized<Delete>,
    reference: Reference,
) -> Result<Response<Body>, HttpError> {
    request.edge.registry().manifests().delete(may.repository(), &reference).await?;
    let facts = Facts { digest: Some(reference.to_string()), ..Facts::default() };
    Ok(respond::note(respond::empty(StatusCode::ACCEPTED), facts))
}

/// The whole body, within the limit.
async fn read(request: Request) -> Result<Bytes, HttpError> {
    let limits = request.edge.limits();
    let too_large = || HttpError::ManifestTooLarge(limits.manifest_bytes);
    let announced = http_body::Body::size_hint(&request.body).lower();
    if announced > limits.manifest_bytes as u64 {
        return Err(too_large());
    }
    let stalling = Stalling::new(request.body, limits.body_stall);
    match Limited::new(stalling, limits.manifest_bytes).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(error) => Err(HttpError::bad_request(
            ErrorCode::ManifestInvalid,
            format!("the request body ended early: {error}"),
        )),
    }
}

fn describe(headers: &mut HeaderMap, digest: &Digest, media_type: &str) {
    respond::content_digest(headers, digest);
    respond::insert(headers, ETAG, &format!("\"{digest}\""));
    respond::insert(headers, CONTENT_TYPE, media_type);
}

fn noted(response: Response<Body>, digest: &Digest, size: u64) -> Response<Body> {
    let facts = Facts { digest: Some(digest.to_string()), size: Some(size), ..Facts::default() };
    respond::note(response, facts)
}
