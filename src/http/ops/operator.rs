//! The operator's port: `/metrics`, and the health of the server for probes that do not speak its clients' protocol.

use std::convert::Infallible;
use std::pin::Pin;

use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::Service;
use hyper::{Method, Request, Response, StatusCode};
use metrics_exporter_prometheus::PrometheusHandle;

use crate::http::edge::answer::Answer;
use crate::http::edge::respond;
use crate::http::v2::endpoints::health;
use crate::http::{Body, Edge};
use crate::net::Received;
use crate::telemetry::metrics;

/// Answers `GET /metrics` in Prometheus' text format, and `/healthz` and `/readyz` as the port for clients does.
#[derive(Clone)]
pub struct OperatorService {
    metrics: PrometheusHandle,
    edge: Edge,
}

impl OperatorService {
    /// Renders what `metrics` has gathered, and the health of `edge`.
    pub fn new(metrics: PrometheusHandle, edge: Edge) -> Self {
        Self { metrics, edge }
    }

    async fn answer(&self, request: Request<Received>) -> Response<Body> {
        match request.uri().path() {
            "/metrics" | "/healthz" | "/readyz" if *request.method() != Method::GET => {
                respond::empty(StatusCode::METHOD_NOT_ALLOWED)
            }
            "/metrics" => self.metrics(),
            "/healthz" => health::health().response,
            "/readyz" => match health::ready(&self.edge).await {
                Ok(Answer { response, .. }) => response,
                Err(error) => error.render(),
            },
            _ => respond::empty(StatusCode::NOT_FOUND),
        }
    }

    fn metrics(&self) -> Response<Body> {
        metrics::process();
        let mut response = respond::with(StatusCode::OK, Body::full(self.metrics.render()));
        let text = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, text);
        response
    }
}

impl Service<Request<Received>> for OperatorService {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn call(&self, request: Request<Received>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { Ok(service.answer(request).await) })
    }
}
