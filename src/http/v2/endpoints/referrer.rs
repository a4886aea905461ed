//! `/v2/<name>/referrers/<digest>`.

use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, LINK};

use crate::auth::{Authorized, Pull};
use crate::http::edge::answer::Answer;
use crate::http::edge::request::Request;
use crate::http::edge::respond;
use crate::http::v2::endpoint::Referrers;
use crate::http::{Body, HttpError};
use crate::oci::{Path, header, media_type, next_link};

/// Lists the manifests that name a digest as their subject, in an image index (end-12). An unknown digest has an empty
/// list: a client takes 404 for a registry without this endpoint.
pub(in crate::http) async fn list(
    request: Request,
    may: Authorized<Pull>,
    of: Referrers,
) -> Result<Answer, HttpError> {
    let repository = may.repository();
    let (n, last) = (of.page.n, of.page.last.as_deref());
    let registry = request.registry();
    let lists = registry.lists();
    let page = lists.referrers(may.access(), &of.subject, &of.artifact_types, n, last).await?;
    let mut response = respond::with(StatusCode::OK, Body::full(page.entries.into_json()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type::OCI_INDEX));
    if !of.artifact_types.is_empty() {
        let filters = HeaderName::from_static(header::OCI_FILTERS_APPLIED);
        headers.insert(filters, HeaderValue::from_static("artifactType"));
    }
    if let Some(next) = page.next {
        let count = n.map(|n| n.to_string());
        let mut parameters: Vec<(&str, &str)> =
            of.artifact_types.iter().map(|t| ("artifactType", t.as_str())).collect();
        parameters.extend(count.as_deref().map(|n| ("n", n)));
        parameters.push(("last", &next));
        let path = Path::Referrers { repository: repository.clone(), digest: of.subject };
        respond::insert(headers, LINK, &next_link(&path, &parameters));
    }
    Ok(response.into())
}
