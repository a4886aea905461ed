//! `/v2/<name>/tags/list`.

use hyper::StatusCode;
use hyper::header::LINK;
use serde_json::json;

use crate::auth::{Authorized, Pull};
use crate::http::HttpError;
use crate::http::edge::answer::Answer;
use crate::http::edge::request::Request;
use crate::http::edge::respond;
use crate::oci::{PageRequest, Path, next_link};

/// Lists the tags of a repository in byte order (end-8).
pub(in crate::http) async fn list(
    request: Request,
    may: Authorized<Pull>,
    page: PageRequest,
) -> Result<Answer, HttpError> {
    let registry = request.registry();
    let repository = may.repository();
    let n = page.limit(registry.limits().page);
    let found = registry.lists().tags(may.access(), n, page.last.as_deref()).await?;
    let body = json!({ "name": repository.as_str(), "tags": found.entries });
    let mut response = respond::json(StatusCode::OK, &body);
    if let Some(last) = found.next {
        let path = Path::Tags { repository: repository.clone() };
        let link = next_link(&path, &[("n", &n.to_string()), ("last", &last)]);
        respond::insert(response.headers_mut(), LINK, &link);
    }
    Ok(response.into())
}
