//! `/v2/` and `/v2/_oci/ext/discover`.

use hyper::StatusCode;
use serde_json::json;

use crate::auth::LoggedIn;
use crate::http::edge::answer::Answer;
use crate::http::edge::respond;

/// Tells clients that this is a registry (end-1). The challenge of a refusal tells them how to log in.
pub(in crate::http) fn get(_: LoggedIn) -> Answer {
    let mut response = respond::json(StatusCode::OK, &json!({}));
    respond::version(response.headers_mut());
    response.into()
}

/// Lists the extensions of this registry (distribution specification, extension `_oci`).
pub(in crate::http) fn extensions(_: LoggedIn) -> Answer {
    let extensions = json!([{
        "name": "_catalog",
        "description": "lists repositories",
        "url": "https://distribution.github.io/distribution/spec/api/#catalog",
        "endpoints": ["/v2/_catalog"],
    }, {
        "name": "_af",
        "description": "gives the IPFS CID and the size of a blob",
        "url": "https://docs.ipfs.tech/concepts/content-addressing/",
        "endpoints": ["/v2/<name>/_af/content/<digest>"],
    }]);
    respond::json(StatusCode::OK, &json!({ "extensions": extensions })).into()
}
