//! `/v2/_catalog`, which Docker added to the specification.

use hyper::StatusCode;
use hyper::header::LINK;
use serde_json::json;

use crate::auth::Listing;
use crate::http::HttpError;
use crate::http::edge::answer::Answer;
use crate::http::edge::request::Request;
use crate::http::edge::respond;
use crate::oci::{PageRequest, Path, next_link};

/// Lists the repositories that the caller may pull, in byte order.
pub(in crate::http) async fn list(
    request: Request,
    may: Listing,
    page: PageRequest,
) -> Result<Answer, HttpError> {
    let registry = request.registry();
    let n = page.limit(registry.limits().page);
    let found = registry.lists().catalog(may.grantee(), n, page.last.as_deref()).await?;
    let mut response = respond::json(StatusCode::OK, &json!({ "repositories": found.entries }));
    if let Some(last) = found.next {
        let link = next_link(&Path::Catalog, &[("n", &n.to_string()), ("last", &last)]);
        respond::insert(response.headers_mut(), LINK, &link);
    }
    Ok(response.into())
}
