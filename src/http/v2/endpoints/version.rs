//! `GET /v2/`: this is a registry, and what it can do beside the specification.

use hyper::StatusCode;
use serde_json::json;

use crate::auth::LoggedIn;
use crate::http::edge::answer::Answer;
use crate::http::edge::respond;

/// Answers end-1, by which clients find out whether this is a registry and how to log in.
pub(in crate::http) fn get(_: LoggedIn) -> Answer {
    let mut response = respond::json(StatusCode::OK, &json!({}));
    respond::version(response.headers_mut());
    response.into()
}

/// Answers `_oci/ext/discover` (specification, extensions): Docker's catalog is the one.
pub(in crate::http) fn extensions(_: LoggedIn) -> Answer {
    let extensions = json!([{
        "name": "_catalog",
        "description": "lists repositories",
        "url": "https://distribution.github.io/distribution/spec/api/#catalog",
        "endpoints": ["/v2/_catalog"],
    }, {
        "name": "_af",
        "description": "tells the IPFS CID and the size of a blob",
        "url": "https://docs.ipfs.tech/concepts/content-addressing/",
        "endpoints": ["/v2/<name>/_af/content/<digest>"],
    }]);
    respond::json(StatusCode::OK, &json!({ "extensions": extensions })).into()
}
