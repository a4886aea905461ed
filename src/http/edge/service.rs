//! One request from head to answer: route, authorize, dispatch, render, count and log, in that order, once.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::service::Service;
use hyper::{Method, Request, Response};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error};
use uuid::Uuid;

use super::origin::{Name, Origin};
use super::record::{Record, Recorded};
use super::respond::Facts;
use super::{Body, HttpError};
use crate::auth::{Auth, AuthError, Caller, Credentials, Need, Permit};
use crate::http::route;
use crate::http::v2::dispatch::{self, dispatch};
use crate::net::Secured;
use crate::registry::{Registry, RegistryError};
use crate::telemetry::metrics;

/// The bounds of one request.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Most bytes of a manifest.
    pub manifest_bytes: usize,
    /// Longest wait for the next frame of a request body.
    pub body_stall: Duration,
}

/// What every request is answered with. Cheap to clone.
#[derive(Clone)]
pub struct Edge(Arc<Fixed>);

struct Fixed {
    registry: Registry,
    auth: Auth,
    name: Name,
    limits: Limits,
    draining: CancellationToken,
}

impl Edge {
    /// The edge of `registry` under `name`, with `auth` at its gate; `draining` tells that the server is on its way down.
    pub fn new(
        registry: Registry,
        auth: Auth,
        name: Name,
        limits: Limits,
        draining: CancellationToken,
    ) -> Self {
        Self(Arc::new(Fixed { registry, auth, name, limits, draining }))
    }

    pub(in crate::http) fn auth(&self) -> &Auth {
        &self.0.auth
    }

    pub(in crate::http) fn registry(&self) -> &Registry {
        &self.0.registry
    }

    pub(in crate::http) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(in crate::http) fn is_draining(&self) -> bool {
        self.0.draining.is_cancelled()
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Recorded> {
        let mut record = Record::begin(request.method(), request.uri().path());
        let head = request.method() == Method::HEAD;
        let has_body = !http_body::Body::is_end_stream(request.body());
        let mut response = match self.handle(request, &mut record).await {
            Ok(response) => response,
            Err(error) => {
                if let HttpError::Refused { error, .. } = &error {
                    refused(error, record.request_id);
                }
                if error.is_ours() {
                    let request_id = record.request_id;
                    error!(event = "request_failed", %request_id, error = %error, "a request failed: {error}");
                }
                let mut response = error.render();
                if has_body {
                    // What is left of the body is not read: hyper closes after the answer, so the client should know.
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                response
            }
        };
        let facts = response.extensions_mut().remove::<Facts>().unwrap_or_default();
        record.answered(response.status(), facts);
        let id = HeaderValue::from_str(&record.request_id.to_string());
        if let Ok(id) = id {
            response.headers_mut().insert(HeaderName::from_static("x-request-id"), id);
        }
        if head {
            response = without_body(response);
        }
        response.map(|body| Recorded::new(body, record))
    }

    async fn handle(
        &self,
        request: Request<Incoming>,
        record: &mut Record,
    ) -> Result<Response<Body>, HttpError> {
        let (parts, body) = request.into_parts();
        let endpoint = route(&parts.method, &parts.uri)?;
        record.routed(&endpoint);
        let (origin, need) = (Origin::of(&parts, &self.0.name), endpoint.need());
        let challenge = Challenge { auth: self.auth(), realm: origin.realm(), scope: need.scope() };
        let admitted = self.admit(&parts, &origin, need, record).await;
        let (caller, permit) = admitted.map_err(|error| challenge.refuse(error))?;
        let query = parts.uri.query().map(str::to_owned);
        let headers = parts.headers;
        let request = dispatch::Request { edge: self.clone(), query, origin, headers, body };
        match dispatch(request, endpoint, &permit).await {
            Err(HttpError::Registry(RegistryError::Denied)) => {
                let looked = self.auth().look_again(&caller).await;
                Err(challenge.refuse(looked.err().unwrap_or_else(|| permit.refusal())))
            }
            other => other,
        }
    }

    /// Takes a request through the gate. A login that was remembered and is not any more what it was is made anew.
    async fn admit(
        &self,
        parts: &Parts,
        origin: &Origin,
        need: Need,
        record: &mut Record,
    ) -> Result<(Caller, Permit), AuthError> {
        let caller = match need {
            Need::Nothing => Caller::nobody(),
            _ => self.identify(parts, origin).await?,
        };
        record.called(caller.subject());
        match self.auth().admit(&caller, need.clone()).await {
            Err(AuthError::Denied | AuthError::Credentials)
                if self.auth().look_again(&caller).await.is_err() =>
            {
                let caller = self.identify(parts, origin).await?;
                let permit = self.auth().admit(&caller, need).await?;
                Ok((caller, permit))
            }
            admitted => Ok((caller, admitted?)),
        }
    }

    /// Finds out who sent a request.
    async fn identify(&self, parts: &Parts, origin: &Origin) -> Result<Caller, AuthError> {
        let header = parts.headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
        let credentials = Credentials::parse(header)?;
        let shown = parts.extensions.get::<Secured>().and_then(|secured| secured.client.as_ref());
        match (&credentials, shown) {
            // What is said in the request counts more than what was shown with the connection.
            (Credentials::None, Some(shown)) => self.auth().identify_certified(&shown.user).await,
            _ => self.auth().identify(credentials, origin.address).await,
        }
    }
}

/// What a refused caller is told to come back with (distribution specification, "Token Authentication").
struct Challenge<'a> {
    auth: &'a Auth,
    realm: String,
    scope: String,
}

impl Challenge<'_> {
    fn refuse(&self, error: AuthError) -> HttpError {
        let flaw = match &error {
            AuthError::Token(_) => Some("invalid_token"),
            AuthError::Scope => Some("insufficient_scope"),
            AuthError::Login | AuthError::Credentials | AuthError::Malformed(_) => None,
            _ => return error.into(),
        };
        let error = match error {
            AuthError::Malformed(_) => AuthError::Credentials,
            error => error,
        };
        let mut challenge =
            format!("Bearer realm=\"{}\",service=\"{}\"", self.realm, self.auth.service());
        if !self.scope.is_empty() {
            challenge.push_str(&format!(",scope=\"{}\"", self.scope));
        }
        if let Some(flaw) = flaw {
            challenge.push_str(&format!(",error=\"{flaw}\""));
        }
        HttpError::Refused { error, challenge: Some(challenge) }
    }
}

/// Counts a refusal, and says to the log what the client is not told.
fn refused(error: &AuthError, request_id: Uuid) {
    if let Some(reason) = error.reason() {
        metrics::refused(reason);
    }
    if let AuthError::Token(why) = error {
        debug!(event = "token_refused", %request_id, why, "a token was refused: {why}");
    }
}

/// HEAD gets the headers of GET, its Content-Length too, and nothing else.
fn without_body(mut response: Response<Body>) -> Response<Body> {
    let length = http_body::Body::size_hint(response.body()).exact();
    if let (Some(length @ 1..), headers) = (length, response.headers_mut()) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    response.map(|_| Body::empty())
}

/// The edge as hyper calls it.
#[derive(Clone)]
pub struct EdgeService(Edge);

impl EdgeService {
    /// Serves `edge`.
    pub fn new(edge: Edge) -> Self {
        Self(edge)
    }
}

impl Service<Request<Incoming>> for EdgeService {
    type Response = Response<Recorded>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Recorded>, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let edge = self.0.clone();
        Box::pin(async move { Ok(edge.answer(request).await) })
    }
}
