//! What an orchestrator asks.

use hyper::{Response, StatusCode};

use crate::http::edge::respond;
use crate::http::v2::dispatch::Request;
use crate::http::{Body, HttpError};

/// The process is alive. Says nothing of its partners: a restart would not mend those.
pub(in crate::http) fn health() -> Response<Body> {
    respond::with(StatusCode::OK, Body::full("ok\n"))
}

/// PostgreSQL and Kubo both answer, and the server is not on its way down.
pub(in crate::http) async fn ready(request: Request) -> Result<Response<Body>, HttpError> {
    if request.edge.is_draining() {
        return Ok(respond::with(StatusCode::SERVICE_UNAVAILABLE, Body::full("draining\n")));
    }
    request.edge.registry().ready().await?;
    Ok(respond::with(StatusCode::OK, Body::full("ready\n")))
}
