//! Whoever sent a request, once their credentials were found right.

use std::time::Duration;

use super::AuthError;
use crate::oci::RepositoryName;
use crate::rights::{Action, Grantee, Kind, Scope};

/// Whoever sent a request.
#[derive(Clone, Debug)]
pub struct Caller {
    subject: String,
    grantee: Grantee,
    /// What a token is good for; `None` when no token bounds what may be done.
    scopes: Option<Vec<Scope>>,
    expired: Option<Duration>,
}

impl Caller {
    /// Anybody, where no login is asked for.
    pub fn everyone() -> Self {
        Self { subject: String::new(), grantee: Grantee::Everyone, scopes: None, expired: None }
    }

    /// Somebody who did not say who they are.
    pub fn anonymous() -> Self {
        Self { subject: String::new(), grantee: Grantee::Anonymous, scopes: None, expired: None }
    }

    /// Somebody who gave name and password, or a certificate.
    pub(super) fn account(name: String, revision: i64) -> Self {
        let grantee = Grantee::Account(revision);
        Self { subject: name, grantee, scopes: None, expired: None }
    }

    /// The bearer of a token, which ran out `expired` ago, if it did.
    pub(super) fn bearer(
        subject: String,
        grantee: Grantee,
        scopes: Vec<Scope>,
        expired: Option<Duration>,
    ) -> Self {
        Self { subject, grantee, scopes: Some(scopes), expired }
    }

    /// The name under which the caller's doings are noted; empty for nobody in particular.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Why this caller is refused what they have no right to: their token lacks scopes, they have not logged in, or they
    /// are simply denied.
    pub fn refusal(&self) -> AuthError {
        match self.grantee {
            _ if self.is_bearer() => AuthError::Scope,
            Grantee::Anonymous => AuthError::Login,
            Grantee::Account(_) | Grantee::Everyone => AuthError::Denied,
        }
    }

    pub(super) fn grantee(&self) -> Grantee {
        self.grantee
    }

    /// How long ago the caller's token ran out.
    pub(super) fn expired(&self) -> Option<Duration> {
        self.expired
    }

    /// Whether a token says what may be done.
    pub(super) fn is_bearer(&self) -> bool {
        self.scopes.is_some()
    }

    /// Whether the caller's token, if there is one, is good for `action` in `repository`.
    pub(super) fn covers(&self, repository: &RepositoryName, action: Action) -> bool {
        let covers = |scope: &Scope| {
            matches!(&scope.kind, Kind::Repository(name) if name == repository)
                && scope.actions.contains(&action)
        };
        self.scopes.as_ref().is_none_or(|scopes| scopes.iter().any(covers))
    }

    /// Whether the caller's token, if there is one, is good for the list of repositories.
    pub(super) fn covers_catalog(&self) -> bool {
        let covers = |scope: &Scope| scope.kind == Kind::Catalog;
        self.scopes.as_ref().is_none_or(|scopes| scopes.iter().any(covers))
    }
}
