//! `/v2/<name>/blobs/uploads/` and the upload sessions below it.

use std::time::Instant;

use hyper::StatusCode;

use crate::auth::{Authorized, Mounting, Push};
use crate::http::HttpError;
use crate::http::edge::answer::{Answer, Facts};
use crate::http::edge::request::Request;
use crate::http::edge::respond;
use crate::oci::{Algorithm, Chunk, Digest, UploadId};
use crate::registry::RegistryError;
use crate::registry::upload::{Stored, UploadKey, UploadState};
use crate::telemetry::metrics;

/// Opens an upload session (end-4a, end-4c).
pub(in crate::http) async fn start(
    request: Request,
    may: Authorized<Push>,
    algorithm: Option<Algorithm>,
) -> Result<Answer, HttpError> {
    let asked = Instant::now();
    let registry = request.registry();
    let state = registry.uploads().start(may.repository(), may.subject(), algorithm).await?;
    request.edge.openings().opened(state.id, asked);
    Ok(respond::upload(StatusCode::ACCEPTED, may.repository(), state).into())
}

/// Links a blob of a repository that the caller may pull. When there is none, it opens an upload session (end-11).
pub(in crate::http) async fn mount(
    request: Request,
    may: Mounting,
    digest: Digest,
) -> Result<Answer, HttpError> {
    let registry = request.registry();
    let target = may.target().repository();
    if registry.blobs().mount(target, &digest, may.source()).await? {
        let facts = Facts { digest: Some(digest.to_string()), ..Facts::default() };
        return Ok(Answer { response: respond::blob_created(target, &digest), facts });
    }
    start(request, may.target().clone(), None).await
}

/// Stores a whole blob (end-4b). A request without a body opens an upload session, unless the digest is that of an empty
/// blob.
pub(in crate::http) async fn monolithic(
    request: Request,
    may: Authorized<Push>,
    digest: Digest,
) -> Result<Answer, HttpError> {
    let began = Instant::now();
    request.refuse_encoding()?;
    if request.is_empty() && !is_of_nothing(&digest) {
        return start(request, may, Some(digest.algorithm())).await;
    }
    check_size(&request, None)?;
    let (registry, body) = (request.registry().clone(), request.body());
    let (repository, subject) = (may.repository().clone(), may.subject().to_owned());
    let uploads = registry.uploads();
    let stored = uploads.put(repository, subject, digest.clone(), body).await?;
    metrics::blob_pushed(stored.size, began.elapsed());
    Ok(created(&may, &digest, stored))
}

/// Tells how many bytes a session has stored (end-13).
pub(in crate::http) async fn status(
    request: Request,
    may: Authorized<Push>,
    id: UploadId,
) -> Result<Answer, HttpError> {
    let registry = request.registry();
    let state = registry.uploads().status(&key(&may, id)).await?;
    Ok(respond::upload(StatusCode::NO_CONTENT, may.repository(), state).into())
}

/// Appends bytes to a session (end-5).
pub(in crate::http) async fn append(
    request: Request,
    may: Authorized<Push>,
    id: UploadId,
) -> Result<Answer, HttpError> {
    request.refuse_encoding()?;
    let key = key(&may, id);
    let chunk = chunk(&request, &key).await?;
    check_size(&request, chunk)?;
    let (registry, body) = (request.registry().clone(), request.body());
    let state = registry.uploads().receive(key, chunk, body).await?;
    Ok(respond::upload(StatusCode::ACCEPTED, may.repository(), state).into())
}

/// Appends the last bytes, if there are any, and makes the session a blob (end-6).
pub(in crate::http) async fn finish(
    request: Request,
    may: Authorized<Push>,
    id: UploadId,
    digest: Digest,
) -> Result<Answer, HttpError> {
    request.refuse_encoding()?;
    let key = key(&may, id);
    let chunk = chunk(&request, &key).await?;
    check_size(&request, chunk)?;
    let (edge, body) = (request.edge.clone(), request.body());
    let uploads = edge.registry().uploads();
    let stored = uploads.finish(key, digest.clone(), chunk, body).await?;
    edge.openings().finished(id, stored.size);
    Ok(created(&may, &digest, stored))
}

/// Cancels a session (end-14).
pub(in crate::http) async fn cancel(
    request: Request,
    may: Authorized<Push>,
    id: UploadId,
) -> Result<Answer, HttpError> {
    request.registry().uploads().cancel(&key(&may, id)).await?;
    Ok(respond::empty(StatusCode::NO_CONTENT).into())
}

fn key(may: &Authorized<Push>, id: UploadId) -> UploadKey {
    UploadKey { repository: may.repository().clone(), id, subject: may.subject().to_owned() }
}

/// The chunk that Content-Range announces. The error for a malformed value tells how many bytes the session has stored,
/// if the session exists.
async fn chunk(request: &Request, key: &UploadKey) -> Result<Option<Chunk>, HttpError> {
    let malformed = match request.chunk() {
        Ok(chunk) => return Ok(chunk),
        Err(malformed) => malformed,
    };
    match request.registry().uploads().status(key).await {
        Ok(UploadState { received, .. }) => {
            Err(RegistryError::OutOfOrder { key: key.clone(), received }.into())
        }
        Err(RegistryError::UploadUnknown) => Err(RegistryError::UploadUnknown.into()),
        Err(_) => Err(malformed),
    }
}

/// Refuses a body that makes the blob larger than the registry takes, before a byte of it is read. The length of the body
/// or the end of its chunk tells; without both, the bytes are counted as they come.
fn check_size(request: &Request, chunk: Option<Chunk>) -> Result<(), HttpError> {
    let end = chunk.map_or(0, |chunk| chunk.last.saturating_add(1));
    Ok(request.registry().uploads().check_size(request.announced().max(end))?)
}

fn created(may: &Authorized<Push>, digest: &Digest, stored: Stored) -> Answer {
    let facts =
        Facts { digest: Some(digest.to_string()), cid: Some(stored.cid), size: Some(stored.size) };
    Answer { response: respond::blob_created(may.repository(), digest), facts }
}

fn is_of_nothing(digest: &Digest) -> bool {
    crate::stream::hashing::digest(digest.algorithm(), &[]) == *digest
}
