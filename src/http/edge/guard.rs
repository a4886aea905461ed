//! Identifies the caller of a request, and asks `auth` for the right that the endpoint needs.

use hyper::header::{AUTHORIZATION, HeaderValue};
use hyper::http::request::Parts;

use super::error::HttpError;
use super::origin::Origin;
use super::record::Record;
use super::shared::Edge;
use crate::auth::{
    AuthError, Authorized, Caller, Credentials, Delete, Gate, Lenience, Listing, LoggedIn,
    Mounting, Pull, Push,
};
use crate::net::{ClientIdentity, Secured, Standing};
use crate::oci::RepositoryName;
use crate::telemetry::trace::{Span, Work};

/// Grants rights to the caller of one request. A refusal carries the challenge that tells the client which credentials it
/// needs.
pub(in crate::http) struct Guard<'a> {
    edge: &'a Edge,
    record: &'a mut Record,
    origin: Origin,
    authorization: Option<HeaderValue>,
    certified: Option<ClientIdentity>,
    standing: Option<Standing>,
    /// The scopes that a token needs for this request; empty when any token will do.
    scope: String,
    /// Anonymous until the endpoint asks for a right.
    caller: Caller,
}

impl<'a> Guard<'a> {
    pub(in crate::http) fn new(
        edge: &'a Edge,
        record: &'a mut Record,
        origin: Origin,
        head: &Parts,
        scope: String,
    ) -> Self {
        let authorization = head.headers.get(AUTHORIZATION).cloned();
        let certified = head.extensions.get::<Secured>().and_then(|it| it.client.clone());
        let standing = head.extensions.get::<Standing>().cloned();
        let caller = Caller::anonymous();
        Self { edge, record, origin, authorization, certified, standing, scope, caller }
    }

    pub(in crate::http) async fn login(&mut self) -> Result<LoggedIn, HttpError> {
        let gate = async {
            let asked = self.identify().await?.login().await;
            let asked = match self.is_outdated(&asked).await {
                true => self.identify().await?.login().await,
                false => asked,
            };
            asked.map_err(|error| self.refuse(error))
        };
        Span::begin(Work::Gate).run(gate).await
    }

    pub(in crate::http) async fn list(&mut self) -> Result<Listing, HttpError> {
        let gate = async {
            let asked = self.identify().await?.list();
            asked.map_err(|error| self.refuse(error))
        };
        Span::begin(Work::Gate).run(gate).await
    }

    pub(in crate::http) async fn pull(
        &mut self,
        repository: &RepositoryName,
    ) -> Result<Authorized<Pull>, HttpError> {
        let gate = async {
            let asked = self.identify().await?.pull(repository);
            asked.map_err(|error| self.refuse(error))
        };
        Span::begin(Work::Gate).run(gate).await
    }

    pub(in crate::http) async fn push(
        &mut self,
        repository: &RepositoryName,
        lenience: Lenience,
    ) -> Result<Authorized<Push>, HttpError> {
        let gate = async {
            let asked = self.identify().await?.push(repository, lenience).await;
            let asked = match self.is_outdated(&asked).await {
                true => self.identify().await?.push(repository, lenience).await,
                false => asked,
            };
            asked.map_err(|error| self.refuse(error))
        };
        Span::begin(Work::Gate).run(gate).await
    }

    pub(in crate::http) async fn delete(
        &mut self,
        repository: &RepositoryName,
    ) -> Result<Authorized<Delete>, HttpError> {
        let gate = async {
            let asked = self.identify().await?.delete(repository).await;
            let asked = match self.is_outdated(&asked).await {
                true => self.identify().await?.delete(repository).await,
                false => asked,
            };
            asked.map_err(|error| self.refuse(error))
        };
        Span::begin(Work::Gate).run(gate).await
    }

    pub(in crate::http) async fn mount(
        &mut self,
        target: &RepositoryName,
        source: Option<&RepositoryName>,
    ) -> Result<Mounting, HttpError> {
        let gate = async {
            let asked = self.identify().await?.mount(target, source).await;
            let asked = match self.is_outdated(&asked).await {
                true => self.identify().await?.mount(target, source).await,
                false => asked,
            };
            asked.map_err(|error| self.refuse(error))
        };
        Span::begin(Work::Gate).run(gate).await
    }

    /// The refusal of a caller whom the lookup of the content has denied. If the caller's cached login is out of date, it
    /// is forgotten, and the next request checks the password again.
    pub(in crate::http) async fn denied(&self) -> HttpError {
        let rechecked = self.edge.auth().recheck(&self.caller).await;
        self.refuse(rechecked.err().unwrap_or_else(|| self.caller.refusal()))
    }

    /// Whether a right was refused because a cached login is out of date. The login is forgotten then, and the caller has
    /// to be identified again.
    async fn is_outdated<R>(&self, asked: &Result<R, AuthError>) -> bool {
        matches!(asked, Err(AuthError::Denied | AuthError::Credentials))
            && self.edge.auth().recheck(&self.caller).await.is_err()
    }

    /// Identifies the caller. Credentials in the request have priority over the client certificate of its connection.
    async fn identify(&mut self) -> Result<Gate<'_>, HttpError> {
        let identified = self.identified().await;
        self.caller = identified.map_err(|error| self.refuse(error))?;
        self.record.called(self.caller.subject());
        if let (Some(standing), true) = (&self.standing, self.caller.is_known()) {
            standing.logged_in();
        }
        Ok(self.edge.auth().gate(&self.caller))
    }

    async fn identified(&self) -> Result<Caller, AuthError> {
        let auth = self.edge.auth();
        let header = self.authorization.as_ref().map(HeaderValue::as_bytes);
        let credentials = Credentials::parse(header)?;
        match (&credentials, &self.certified) {
            (Credentials::None, Some(certified)) => {
                Box::pin(auth.identify_certified(&certified.user)).await
            }
            _ => auth.identify(&credentials, self.origin.address).await,
        }
    }

    /// Adds a challenge to the refusal if other credentials could help (distribution specification, "Token
    /// Authentication").
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
        let (realm, service) = (self.origin.realm(), self.edge.auth().service());
        let mut challenge = format!("Bearer realm=\"{realm}\",service=\"{service}\"");
        if !self.scope.is_empty() {
            challenge.push_str(&format!(",scope=\"{}\"", self.scope));
        }
        if let Some(flaw) = flaw {
            challenge.push_str(&format!(",error=\"{flaw}\""));
        }
        HttpError::Refused { error, challenge: Some(challenge) }
    }
}
