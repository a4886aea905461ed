//! `/healthz` and `/readyz`, for an orchestrator.

use hyper::StatusCode;

use crate::http::edge::answer::Answer;
use crate::http::edge::request::Request;
use crate::http::edge::respond;
use crate::http::{Body, HttpError};

/// The process is alive. PostgreSQL and Kubo are not checked, because a restart of this process would not repair them.
pub(in crate::http) fn health() -> Answer {
    respond::with(StatusCode::OK, Body::full("ok\n")).into()
}

/// PostgreSQL and Kubo answer, and the server is not shutting down.
pub(in crate::http) async fn ready(request: Request) -> Result<Answer, HttpError> {
    if request.edge.is_draining() {
        return Ok(respond::with(StatusCode::SERVICE_UNAVAILABLE, Body::full("draining\n")).into());
    }
    request.registry().ready().await.map_err(HttpError::NotReady)?;
    Ok(respond::with(StatusCode::OK, Body::full("ready\n")).into())
}
