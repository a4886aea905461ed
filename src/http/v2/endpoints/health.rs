//! `/healthz` and `/readyz`, for an orchestrator.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::config::Exposure;
use crate::http::edge::answer::Answer;
use crate::http::edge::respond;
use crate::http::{Body, Edge, HttpError};

/// The process is alive. PostgreSQL and Kubo are not checked, because a restart of this process would not repair them.
pub(in crate::http) fn health() -> Answer {
    respond::with(StatusCode::OK, Body::full("ok\n")).into()
}

/// PostgreSQL and Kubo answer, and the server is not shutting down. The answer also has the warnings of the start.
pub(in crate::http) async fn ready(edge: &Edge) -> Result<Answer, HttpError> {
    let warnings = warnings(edge.exposures());
    let answer = |status, word: &str| {
        Ok(respond::json(status, &json!({ "status": word, "warnings": warnings })).into())
    };
    if edge.is_draining() {
        return answer(StatusCode::SERVICE_UNAVAILABLE, "draining");
    }
    match edge.registry().ready().await {
        Ok(()) => answer(StatusCode::OK, "ready"),
        Err(error) => Err(HttpError::NotReady { error, warnings }),
    }
}

fn warnings(exposures: &[Exposure]) -> Value {
    let warning =
        |exposure: &Exposure| json!({ "code": exposure.code(), "message": exposure.message() });
    exposures.iter().map(warning).collect()
}
