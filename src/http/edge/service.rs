//! One request from its head to its response: route, authorize, dispatch, render errors, count and log.

use std::convert::Infallible;
use std::pin::Pin;

use hyper::header::{CONNECTION, CONTENT_LENGTH, HeaderValue};
use hyper::http::request::Parts;
use hyper::service::Service;
use hyper::{Method, Request as HyperRequest, Response};
use tracing::{debug, error};

use super::answer::Answer;
use super::body::Body;
use super::error::HttpError;
use super::framing;
use super::guard::Guard;
use super::origin::Origin;
use super::record::{Record, Recorded};
use super::request::Request;
use super::request_id::{RequestId, X_REQUEST_ID};
use super::respond;
use super::shared::Edge;
use super::visitors;
use crate::auth::AuthError;
use crate::http::v2::{dispatch, route};
use crate::net::{Received, Secured};
use crate::registry::RegistryError;
use crate::telemetry::{metrics, trace};

impl Edge {
    async fn answer(&self, request: HyperRequest<Received>) -> Response<Recorded> {
        let mut record = Record::begin(&request);
        let head = request.method() == Method::HEAD;
        let by_tls = request.extensions().get::<Secured>().is_some();
        let has_body = !http_body::Body::is_end_stream(request.body());
        let handled = trace::within(record.context(), self.handle(request, &mut record)).await;
        let Answer { mut response, facts } = match handled {
            Ok(answer) => answer,
            Err(error) => {
                report(&error, &record.request_id);
                let mut response = error.render();
                if has_body {
                    // The rest of the request body stays unread, so hyper closes the connection after the response.
                    // The header tells the client.
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                response.into()
            }
        };
        record.answered(response.status(), facts);
        response.headers_mut().insert(X_REQUEST_ID, record.request_id.header());
        if by_tls {
            respond::only_by_tls(response.headers_mut());
        }
        if head {
            response = without_body(response);
        }
        response.map(|body| Recorded::new(body, record))
    }

    async fn handle(
        &self,
        request: HyperRequest<Received>,
        record: &mut Record,
    ) -> Result<Answer, HttpError> {
        let (head, body) = request.into_parts();
        framing::check(&head)?;
        visitors::check(&head, self.name())?;
        let endpoint = route(&head.method, &head.uri)?;
        record.routed(&endpoint);
        let origin = Origin::of(&head, self.name());
        let client = origin.address;
        let mut guard = Guard::new(self, record, origin, &head, endpoint.scope());
        let Parts { uri, headers, .. } = head;
        let request = Request { edge: self.clone(), uri, client, headers, body };
        match dispatch(request, endpoint, &mut guard).await {
            Err(HttpError::Registry(RegistryError::Denied)) => Err(guard.denied().await),
            answered => answered,
        }
    }
}

/// Counts an error, and logs the reasons that the client must not learn.
fn report(error: &HttpError, request_id: &RequestId) {
    metrics::error_answered(error.code().as_str());
    if let Some(cause) = error.cause() {
        metrics::failed(cause);
    }
    if let HttpError::Refused { error, .. } = error {
        if let Some(reason) = error.reason() {
            metrics::refused(reason);
        }
        if let AuthError::Token(why) = error {
            debug!(event = "token_refused", %request_id, why, "a token was refused: {why}");
        }
    }
    if error.is_ours() {
        error!(event = "request_failed", %request_id, error = %error, "a request failed: {error}");
    }
}

/// Drops the body of a response to HEAD and keeps its Content-Length.
fn without_body(mut response: Response<Body>) -> Response<Body> {
    let length = http_body::Body::size_hint(response.body()).exact();
    if let (Some(length @ 1..), headers) = (length, response.headers_mut()) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    response.map(|_| Body::empty())
}

/// The service that hyper calls for every request.
#[derive(Clone)]
pub struct EdgeService(Edge);

impl EdgeService {
    /// A service that answers with `edge`.
    pub fn new(edge: Edge) -> Self {
        Self(edge)
    }
}

impl Service<HyperRequest<Received>> for EdgeService {
    type Response = Response<Recorded>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Recorded>, Infallible>> + Send>>;

    fn call(&self, request: HyperRequest<Received>) -> Self::Future {
        let edge = self.0.clone();
        Box::pin(async move { Ok(edge.answer(request).await) })
    }
}
