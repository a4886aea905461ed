//! Builds responses and sets their headers.

use hyper::header::{
    CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue, LOCATION, RANGE, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};
use serde::Serialize;

use super::body::Body;
use crate::oci::{Digest, Path, RepositoryName, header, received_range};
use crate::registry::upload::UploadState;

/// A browser must not run, load or frame anything for pushed content, which could be a web page.
const NOTHING_RUNS: &str = "default-src 'none'; sandbox; frame-ancestors 'none'";

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// A response with a body.
pub(in crate::http) fn with(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    // A browser must not guess a type: clients push the content, and it could be a web page.
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(NOTHING_RUNS));
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    response
}

/// Tells a browser that came by TLS to use TLS for every request to this host, for a year.
pub(in crate::http) fn only_by_tls(headers: &mut HeaderMap) {
    let year = HeaderValue::from_static("max-age=31536000");
    headers.insert(STRICT_TRANSPORT_SECURITY, year);
}

/// A response without a body. It has a Content-Length of 0 unless the status forbids one.
pub(in crate::http) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = with(status, Body::empty());
    if status != StatusCode::NO_CONTENT && status != StatusCode::NOT_MODIFIED {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    response
}

/// A response in JSON.
pub(in crate::http) fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    let text = serde_json::to_vec(value).unwrap_or_default();
    let mut response = with(status, Body::full(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Sets a header. The value is built from parsed parts, so it has only legal characters.
pub(in crate::http) fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Sets Docker-Distribution-Api-Version, by which clients recognise a registry.
pub(in crate::http) fn version(headers: &mut HeaderMap) {
    let name = HeaderName::from_static(header::DOCKER_DISTRIBUTION_API_VERSION);
    headers.insert(name, HeaderValue::from_static(header::REGISTRY_2_0));
}

pub(in crate::http) fn content_range(headers: &mut HeaderMap, value: &str) {
    insert(headers, CONTENT_RANGE, value);
}

pub(in crate::http) fn content_digest(headers: &mut HeaderMap, digest: &Digest) {
    insert(headers, HeaderName::from_static(header::DOCKER_CONTENT_DIGEST), digest.as_str());
}

/// A response that says where an upload is and how many bytes it has: Location, Range and Docker-Upload-UUID.
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

/// The response to a push that created a blob.
pub(in crate::http) fn blob_created(
    repository: &RepositoryName,
    digest: &Digest,
) -> Response<Body> {
    let mut response = empty(StatusCode::CREATED);
    insert(response.headers_mut(), LOCATION, &Path::blob(repository, digest));
    content_digest(response.headers_mut(), digest);
    response
}
