//! The operator's port. It serves `/metrics` and nothing else.

use std::convert::Infallible;
use std::future::{Ready, ready};

use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::Service;
use hyper::{Method, Request, Response, StatusCode};
use metrics_exporter_prometheus::PrometheusHandle;

use crate::http::Body;
use crate::http::edge::respond;
use crate::net::Received;
use crate::telemetry::metrics;

/// Answers `GET /metrics` in Prometheus' text format.
#[derive(Clone)]
pub struct OperatorService(PrometheusHandle);

impl OperatorService {
    /// Renders the metrics of `handle`.
    pub fn new(handle: PrometheusHandle) -> Self {
        Self(handle)
    }
}

impl Service<Request<Received>> for OperatorService {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn call(&self, request: Request<Received>) -> Self::Future {
        let response = match (request.method(), request.uri().path()) {
            (&Method::GET, "/metrics") => {
                metrics::process();
                let mut response = respond::with(StatusCode::OK, Body::full(self.0.render()));
                let text = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
                response.headers_mut().insert(CONTENT_TYPE, text);
                response
            }
            (_, "/metrics") => respond::empty(StatusCode::METHOD_NOT_ALLOWED),
            _ => respond::empty(StatusCode::NOT_FOUND),
        };
        ready(Ok(response))
    }
}
