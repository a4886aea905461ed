//! `/healthz` and `/readyz`, for an orchestrator.

use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use crate::config::Exposure;
use crate::http::edge::answer::Answer;
use crate::http::edge::respond;
use crate::http::{Body, Edge, HttpError};
use crate::registry::Readiness;

/// Pulls go on without the proxy of a cluster, so a balancer must not take the server out.
const CLUSTER_GONE: &str =
    "The proxy of the IPFS Cluster does not answer. Pushes get a 503 until it does; pulls go on.";

/// The process is alive. PostgreSQL and Kubo are not checked, because a restart of this process would not repair them.
pub(in crate::http) fn health() -> Answer {
    respond::with(StatusCode::OK, Body::full("ok\n")).into()
}

/// PostgreSQL and Kubo answer, and the server is not shutting down. The answer also has the warnings of the start.
pub(in crate::http) async fn ready(edge: &Edge) -> Result<Answer, HttpError> {
    let mut warnings = warnings(edge.exposures());
    let answer = |status, word: &str, warnings: Vec<Value>| {
        Ok(respond::json(status, &json!({ "status": word, "warnings": warnings })).into())
    };
    if edge.is_draining() {
        return answer(StatusCode::SERVICE_UNAVAILABLE, "draining", warnings);
    }
    match edge.registry().ready().await {
        Ok(Readiness::Whole) => answer(StatusCode::OK, "ready", warnings),
        Ok(Readiness::WithoutPushes) => {
            warnings.push(json!({ "code": "cluster_gone", "message": CLUSTER_GONE }));
            answer(StatusCode::OK, "ready", warnings)
        }
        Err(error) => Err(HttpError::NotReady { error, warnings: warnings.into() }),
    }
}

/// What the operator gets instead of the error of [`ready`]: with the reason, which clients do not learn.
pub(in crate::http) fn explained(error: &HttpError) -> Response<Body> {
    let HttpError::NotReady { error: reason, warnings } = error else { return error.render() };
    let reasons = [json!({ "code": reason.cause().label(), "message": reason.to_string() })];
    let document = json!({ "status": "not ready", "reasons": reasons, "warnings": warnings });
    respond::json(StatusCode::SERVICE_UNAVAILABLE, &document)
}

fn warnings(exposures: &[Exposure]) -> Vec<Value> {
    let warning =
        |exposure: &Exposure| json!({ "code": exposure.code(), "message": exposure.message() });
    exposures.iter().map(warning).collect()
}
