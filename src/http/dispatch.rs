//! Endpoint to handler: one exhaustive match, one line a variant, each with the permission its handler asks for.

use hyper::body::Incoming;
use hyper::{HeaderMap, Response};

use super::endpoints::{blob, catalog, manifest, ops, referrer, tag, upload, version};
use super::{Body, Edge, Endpoint, HttpError};
use crate::auth::Caller;

/// What a handler gets beside its typed arguments.
pub(super) struct Request {
    pub(super) edge: Edge,
    pub(super) headers: HeaderMap,
    pub(super) body: Incoming,
}

pub(super) async fn dispatch(
    request: Request,
    endpoint: Endpoint,
    caller: &Caller,
) -> Result<Response<Body>, HttpError> {
    use Endpoint as E;
    match endpoint {
        E::BlobDelete(at) => {
            blob::delete(request, caller.may_delete(at.repository), at.digest).await
        }
        E::BlobGet(at) => blob::get(request, caller.may_pull(at.repository), at.digest).await,
        E::BlobHead(at) => blob::head(request, caller.may_pull(at.repository), at.digest).await,
        E::Catalog(page) => catalog::list(request, page).await,
        E::Extensions => Ok(version::extensions()),
        E::Health => Ok(ops::health()),
        E::ManifestDelete(at) => {
            manifest::delete(request, caller.may_delete(at.repository), at.reference).await
        }
        E::ManifestGet(at) => {
            manifest::get(request, caller.may_pull(at.repository), at.reference).await
        }
        E::ManifestHead(at) => {
            manifest::head(request, caller.may_pull(at.repository), at.reference).await
        }
        E::ManifestPut(at, tags) => {
            manifest::put(request, caller.may_push(at.repository), at.reference, tags).await
        }
        E::Ready => ops::ready(request).await,
        E::ReferrerList(of) => {
            referrer::list(request, caller.may_pull(of.repository.clone()), of).await
        }
        E::TagList(of) => tag::list(request, caller.may_pull(of.repository), of.page).await,
        E::UploadAppend(at) => upload::append(request, caller.may_push(at.repository), at.id).await,
        E::UploadCancel(at) => upload::cancel(request, caller.may_push(at.repository), at.id).await,
        E::UploadFinish(at, digest) => {
            upload::finish(request, caller.may_push(at.repository), at.id, digest).await
        }
        E::UploadMonolithic(at) => {
            upload::monolithic(request, caller.may_push(at.repository), at.digest).await
        }
        E::UploadMount(at, from) => {
            let from = from.map(|from| caller.may_pull(from));
            upload::mount(request, caller.may_push(at.repository), at.digest, from).await
        }
        E::UploadStart(repository, algorithm) => {
            upload::start(request, caller.may_push(repository), algorithm).await
        }
        E::UploadStatus(at) => upload::status(request, caller.may_push(at.repository), at.id).await,
        E::Version => Ok(version::get()),
    }
}
