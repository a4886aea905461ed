//! Endpoint to handler: one exhaustive match, one line a variant, each with the permission its handler asks for.

use hyper::body::Incoming;
use hyper::{HeaderMap, Response};

use super::Endpoint;
use super::endpoints::{blob, catalog, health, manifest, referrer, tag, token, upload, version};
use crate::auth::Permit;
use crate::http::edge::origin::Origin;
use crate::http::{Body, Edge, HttpError};

/// What a handler gets beside its typed arguments.
pub(in crate::http) struct Request {
    pub(in crate::http) edge: Edge,
    /// What stands behind the `?`.
    pub(in crate::http) query: Option<String>,
    /// Whom it comes from, and by which way.
    pub(in crate::http) origin: Origin,
    pub(in crate::http) headers: HeaderMap,
    pub(in crate::http) body: Incoming,
}

pub(in crate::http) async fn dispatch(
    request: Request,
    endpoint: Endpoint,
    permit: &Permit,
) -> Result<Response<Body>, HttpError> {
    use Endpoint as E;
    match endpoint {
        E::BlobDelete(at) => blob::delete(request, permit.delete(at.repository)?, at.digest).await,
        E::BlobGet(at) => blob::get(request, permit.pull(at.repository)?, at.digest).await,
        E::BlobHead(at) => blob::head(request, permit.pull(at.repository)?, at.digest).await,
        E::Catalog(page) => catalog::list(request, permit.list()?, page).await,
        E::Extensions => Ok(version::extensions()),
        E::Health => Ok(health::health()),
        E::ManifestDelete(at) => {
            manifest::delete(request, permit.delete(at.repository)?, at.reference).await
        }
        E::ManifestGet(at) => {
            manifest::get(request, permit.pull(at.repository)?, at.reference).await
        }
        E::ManifestHead(at) => {
            manifest::head(request, permit.pull(at.repository)?, at.reference).await
        }
        E::ManifestPut(at, tags) => {
            manifest::put(request, permit.push(at.repository)?, at.reference, tags).await
        }
        E::Keys => token::keys(&request),
        E::Ready => health::ready(request).await,
        E::ReferrerList(of) => {
            referrer::list(request, permit.pull(of.repository.clone())?, of).await
        }
        E::TagList(of) => tag::list(request, permit.pull(of.repository)?, of.page).await,
        E::TokenGet => token::get(request).await,
        E::TokenPost => token::post(request).await,
        E::UploadAppend(at) => upload::append(request, permit.push(at.repository)?, at.id).await,
        E::UploadCancel(at) => upload::cancel(request, permit.push(at.repository)?, at.id).await,
        E::UploadFinish(at, digest) => {
            upload::finish(request, permit.push(at.repository)?, at.id, digest).await
        }
        E::UploadMonolithic(at) => {
            upload::monolithic(request, permit.push(at.repository)?, at.digest).await
        }
        E::UploadMount(at, _) => {
            upload::mount(request, permit.mount(at.repository)?, at.digest).await
        }
        E::UploadStart(repository, algorithm) => {
            upload::start(request, permit.push(repository)?, algorithm).await
        }
        E::UploadStatus(at) => upload::status(request, permit.push(at.repository)?, at.id).await,
        E::Version => Ok(version::get()),
    }
}
