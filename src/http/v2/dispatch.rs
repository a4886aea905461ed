//! Calls the handler of an endpoint with the permission that the endpoint needs.

use super::endpoint::{Delete, Endpoint, Open, Pull, Push};
use super::endpoints::{blob, catalog, health, manifest, referrer, tag, token, upload, version};
use crate::auth::{self, Authorized};
use crate::http::HttpError;
use crate::http::edge::answer::Answer;
use crate::http::edge::guard::Guard;
use crate::http::edge::request::Request;

// The work of a request is moved several times before it begins, and it is as large as the largest of its parts. So those of
// the frequent, short requests stand in it, and the others are boxed.
pub(in crate::http) async fn dispatch(
    request: Request,
    endpoint: Endpoint,
    guard: &mut Guard<'_>,
) -> Result<Answer, HttpError> {
    match endpoint {
        Endpoint::Open(what) => Box::pin(open(request, what)).await,
        Endpoint::Version => Ok(version::get(Box::pin(guard.login()).await?)),
        Endpoint::Extensions => Ok(version::extensions(Box::pin(guard.login()).await?)),
        Endpoint::Catalog(page) => {
            Box::pin(catalog::list(request, guard.list().await?, page)).await
        }
        Endpoint::Mount(at) => {
            let mount = async {
                let may = guard.mount(&at.target, at.source.as_ref()).await?;
                upload::mount(request, may, at.digest).await
            };
            Box::pin(mount).await
        }
        Endpoint::Pull(repository, what) => {
            pull(request, guard.pull(&repository).await?, what).await
        }
        Endpoint::Push(repository, what) => {
            let push = async {
                push(request, guard.push(&repository, what.lenience()).await?, what).await
            };
            Box::pin(push).await
        }
        Endpoint::Delete(repository, what) => {
            let delete = async { delete(request, guard.delete(&repository).await?, what).await };
            Box::pin(delete).await
        }
    }
}

async fn open(request: Request, what: Open) -> Result<Answer, HttpError> {
    match what {
        Open::Health => Ok(health::health()),
        Open::Ready => health::ready(&request.edge).await,
        Open::Keys => Ok(token::keys(&request)),
        Open::TokenGet => token::get(request).await,
        Open::TokenPost => token::post(request).await,
    }
}

async fn pull(
    request: Request,
    may: Authorized<auth::Pull>,
    what: Pull,
) -> Result<Answer, HttpError> {
    match what {
        Pull::Blob(digest) => Box::pin(blob::get(request, may, digest)).await,
        Pull::BlobHead(digest) => blob::head(request, may, digest).await,
        Pull::Content(digest) => blob::content(request, may, digest).await,
        Pull::Manifest(reference) => manifest::get(request, may, reference).await,
        Pull::ManifestHead(reference) => manifest::head(request, may, reference).await,
        Pull::Tags(page) => Box::pin(tag::list(request, may, page)).await,
        Pull::Referrers(of) => Box::pin(referrer::list(request, may, of)).await,
    }
}

async fn push(
    request: Request,
    may: Authorized<auth::Push>,
    what: Push,
) -> Result<Answer, HttpError> {
    match what {
        Push::Start(algorithm) => upload::start(request, may, algorithm).await,
        Push::Monolithic(digest) => upload::monolithic(request, may, digest).await,
        Push::Status(id) => upload::status(request, may, id).await,
        Push::Append(id) => upload::append(request, may, id).await,
        Push::Finish(id, digest) => upload::finish(request, may, id, digest).await,
        Push::Cancel(id) => upload::cancel(request, may, id).await,
        Push::Manifest(reference, tags) => manifest::put(request, may, reference, tags).await,
    }
}

async fn delete(
    request: Request,
    may: Authorized<auth::Delete>,
    what: Delete,
) -> Result<Answer, HttpError> {
    match what {
        Delete::Blob(digest) => blob::delete(request, may, digest).await,
        Delete::Manifest(reference) => manifest::delete(request, may, reference).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The size of what a function of three arguments returns.
    fn size<A, B, C, R>(_: impl FnOnce(A, B, C) -> R) -> usize {
        size_of::<R>()
    }

    #[test]
    fn the_work_of_a_short_request_is_small_enough_to_be_moved() {
        let short = [size(blob::head), size(manifest::head), size(manifest::get)];
        assert!(short.iter().all(|size| *size <= 4 << 10), "{short:?} bytes");
        let whole =
            size(|request, endpoint, guard: &mut Guard<'_>| dispatch(request, endpoint, guard));
        assert!(whole <= 6 << 10, "{whole} bytes");
    }
}
