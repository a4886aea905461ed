//! `/v2/<name>/manifests/<reference>`.

use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, LOCATION};
use hyper::{Response, StatusCode};

use crate::auth::{Authorized, Delete, Pull, Push};
use crate::http::edge::answer::{Answer, Facts};
use crate::http::edge::request::Request;
use crate::http::edge::respond;
use crate::http::{Body, HttpError};
use crate::oci::{Digest, ErrorCode, Path, Reference, Tag, header};
use crate::registry::manifest::Pushed;

/// Describes a manifest (end-3).
pub(in crate::http) async fn head(
    request: Request,
    may: Authorized<Pull>,
    reference: Reference,
) -> Result<Answer, HttpError> {
    let head = request.registry().manifests().head(may.access(), &reference).await?;
    let mut response = respond::with(StatusCode::OK, Body::empty());
    describe(response.headers_mut(), &head.digest, &head.media_type);
    respond::insert(response.headers_mut(), CONTENT_LENGTH, &head.size.to_string());
    Ok(noted(response, &head.digest, head.size))
}

/// Serves the exact bytes of a manifest (end-3). Accept is ignored, because this registry converts no manifests.
pub(in crate::http) async fn get(
    request: Request,
    may: Authorized<Pull>,
    reference: Reference,
) -> Result<Answer, HttpError> {
    let manifest = request.registry().manifests().get(may.access(), &reference).await?;
    let hit = request.none_match_hits(&format!("\"{}\"", manifest.digest));
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
    mut request: Request,
    may: Authorized<Push>,
    reference: Reference,
    tags: Vec<Tag>,
) -> Result<Answer, HttpError> {
    request.refuse_encoding()?;
    let repository = may.repository().clone();
    let content_type = request.content_type();
    let most = request.edge.limits().manifest_bytes;
    let within = request.time_for(most);
    let raw = request.read("manifest", most, within, ErrorCode::ManifestInvalid).await?;
    let announced: Vec<String> = tags.iter().map(Tag::to_string).collect();
    let pushed = Pushed { repository: repository.clone(), reference, tags, content_type, raw };
    let accepted = request.registry().manifests().put(pushed).await?;
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

/// Deletes a tag, or a manifest with its tags (end-9).
pub(in crate::http) async fn delete(
    request: Request,
    may: Authorized<Delete>,
    reference: Reference,
) -> Result<Answer, HttpError> {
    request.registry().manifests().delete(may.repository(), &reference).await?;
    let facts = Facts { digest: Some(reference.to_string()), ..Facts::default() };
    Ok(Answer { response: respond::empty(StatusCode::ACCEPTED), facts })
}

fn describe(headers: &mut HeaderMap, digest: &Digest, media_type: &str) {
    respond::content_digest(headers, digest);
    respond::insert(headers, ETAG, &format!("\"{digest}\""));
    respond::insert(headers, CONTENT_TYPE, media_type);
}

fn noted(response: Response<Body>, digest: &Digest, size: u64) -> Answer {
    let facts = Facts { digest: Some(digest.to_string()), size: Some(size), ..Facts::default() };
    Answer { response, facts }
}
