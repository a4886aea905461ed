//! Building answers.

use hyper::header::{
    CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue, LOCATION, RANGE, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};
use serde::Serialize;

use super::body::Body;
use crate::oci::{Digest, Path, RepositoryName, header, received_range};
use crate::registry::upload::UploadState;

/// A browser that is shown pushed content runs nothing of it, loads nothing for it and frames it nowhere.
const NOTHING_RUNS: &str = "default-src 'none'; sandbox; frame-ancestors 'none'";

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// An answer with a body.
pub(in crate::http) fn with(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    // What clients pushed is served as data, whatever a browser would like to make of it.
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(NOTHING_RUNS));
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    response
}

/// Tells a browser that came by TLS to come by TLS only, for a year.
pub(in crate::http) fn only_by_tls(headers: &mut HeaderMap) {
    let year = HeaderValue::from_static("max-age=31536000");
    headers.insert(STRICT_TRANSPORT_SECURITY, year);
}

/// An answer without a body. Says so with a Content-Length where HTTP lets it.
pub(in crate::http) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = with(status, Body::empty());
    if status != StatusCode::NO_CONTENT && status != StatusCode::NOT_MODIFIED {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    response
}

/// A JSON answer.
pub(in crate::http) fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    let text = serde_json::to_vec(value).unwrap_or_default();
    let mut response = with(status, Body::full(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Sets a header whose value is made of what was parsed before, so of legal characters only.
pub(in crate::http) fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Says that this is a registry.
pub(in crate::http) fn version(headers: &mut HeaderMap) {
    let name = HeaderName::from_static(header::DOCKER_DISTRIBUTION_API_VERSION);
    headers.insert(name, HeaderValue::from_static(header::REGISTRY_2_0));
}

/// Sets Content-Range.
pub(in crate::http) fn content_range(headers: &mut HeaderMap, value: &str) {
    insert(headers, CONTENT_RANGE, value);
}

/// Sets Docker-Content-Digest.
pub(in crate::http) fn content_digest(headers: &mut HeaderMap, digest: &Digest) {
    insert(headers, HeaderName::from_static(header::DOCKER_CONTENT_DIGEST), digest.as_str());
}

/// Where an upload session is and how far it got: Location, Range and Docker-Upload-UUID.
pub(in crate::http) fn upload(
    status: StatusCode,
    repository: &RepositoryName,
    state: UploadState,
) -> Response<Body> {
    let mut response = empty(status);
    let headers = response.headers_mut();
    insert(headers, LOCATION, &Path::upload(repository, state.id));
    insert(headers, RANGE, &received_range(state.received));
    insert(headers, HeaderName::from_static(header::DOCKER_UPLOAD_UUID), &state.id.to_string());
    response
}

/// 201 for a blob.
pub(in crate::http) fn blob_created(
    repository: &RepositoryName,
    digest: &Digest,
) -> Response<Body> {
    let mut response = empty(StatusCode::CREATED);
    insert(response.headers_mut(), LOCATION, &Path::blob(repository, digest));
    content_digest(response.headers_mut(), digest);
    response
}
