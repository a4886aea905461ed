//! The operator's port: `/metrics`, a page of the last hour, and the health of the server for probes that do not speak its clients' protocol.

use std::convert::Infallible;
use std::pin::Pin;

use hyper::header::{ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use hyper::service::Service;
use hyper::{Method, Request, Response, StatusCode};
use metrics_exporter_prometheus::PrometheusHandle;

use super::openmetrics;
use super::page::{POLICY, STYLE, page};
use crate::http::edge::answer::Answer;
use crate::http::edge::respond;
use crate::http::v2::endpoints::health;
use crate::http::{Body, Edge};
use crate::net::Received;
use crate::telemetry::metrics::{self, exemplar};
use crate::telemetry::recent;

/// Answers `GET /metrics` in Prometheus' text format or as OpenMetrics, `/` with a page of the last hour, and `/healthz` and
/// `/readyz` as the port for clients does, with the reason why the server is not ready.
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
            "/" | "/page.css" | "/metrics" | "/healthz" | "/readyz"
                if *request.method() != Method::GET =>
            {
                respond::empty(StatusCode::METHOD_NOT_ALLOWED)
            }
            "/" => self.page().await,
            "/page.css" => styled(STYLE),
            "/metrics" => self.metrics(&request),
            "/healthz" => health::health().response,
            "/readyz" => match health::ready(&self.edge).await {
                Ok(Answer { response, .. }) => response,
                Err(error) => health::explained(&error),
            },
            _ => respond::empty(StatusCode::NOT_FOUND),
        }
    }

    /// The last hour as a page.
    async fn page(&self) -> Response<Body> {
        let ready = match health::ready(&self.edge).await {
            Ok(answer) if answer.response.status() == StatusCode::OK => "ready",
            Ok(_) => "draining",
            Err(_) => "not-ready",
        };
        let page = page(&recent::hour(), ready);
        let mut response = respond::with(StatusCode::OK, Body::full(page));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    /// All metrics. They come as OpenMetrics, with exemplars, if the caller takes that and there are any: the text format costs
    /// less and has the same samples.
    fn metrics(&self, request: &Request<Received>) -> Response<Body> {
        metrics::process();
        let mut text = self.metrics.render();
        metrics::render_repositories(&mut text);
        let accepts = request.headers().get_all(ACCEPT).iter();
        if exemplar::any() && openmetrics::accepted(accepts) {
            return rendered(openmetrics::render(&text, exemplar::of), openmetrics::CONTENT);
        }
        rendered(text, "text/plain; version=0.0.4; charset=utf-8")
    }
}

/// Metrics in the format that `content` names.
fn rendered(metrics: String, content: &'static str) -> Response<Body> {
    let mut response = respond::with(StatusCode::OK, Body::full(metrics));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content));
    response
}

/// A style sheet.
fn styled(text: &'static str) -> Response<Body> {
    let mut response = respond::with(StatusCode::OK, Body::full(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/css"));
    response
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
