//! The caller of a request, whose credentials are verified.

use std::time::Duration;

use super::AuthError;
use crate::oci::RepositoryName;
use crate::rights::{Action, Grantee, Kind, Scope};

/// The caller of a request.
#[derive(Clone, Debug)]
pub struct Caller {
    subject: String,
    grantee: Grantee,
    /// Scopes of the caller's token; `None` without a token.
    scopes: Option<Vec<Scope>>,
    expired: Option<Duration>,
}

impl Caller {
    /// Any caller of a server that asks for no login.
    pub fn everyone() -> Self {
        Self { subject: String::new(), grantee: Grantee::Everyone, scopes: None, expired: None }
    }

    /// A caller without credentials.
    pub fn anonymous() -> Self {
        Self { subject: String::new(), grantee: Grantee::Anonymous, scopes: None, expired: None }
    }

    /// A caller with a password or a client certificate.
    pub(super) fn account(name: String, revision: i64) -> Self {
        let grantee = Grantee::Account(revision);
        Self { subject: name, grantee, scopes: None, expired: None }
    }

    /// A caller with a token. `expired` is the time since it expired, if it has.
    pub(super) fn bearer(
        subject: String,
        grantee: Grantee,
        scopes: Vec<Scope>,
        expired: Option<Duration>,
    ) -> Self {
        Self { subject, grantee, scopes: Some(scopes), expired }
    }

    /// Name of the account; empty for an anonymous caller.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Whether the caller has proved who they are, or need not.
    pub fn is_known(&self) -> bool {
        !matches!(self.grantee, Grantee::Anonymous)
    }

    /// The error for a right that this caller does not have. It tells whether another token or a login could help.
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

    /// Time since the caller's token expired, if it has.
    pub(super) fn expired(&self) -> Option<Duration> {
        self.expired
    }

    /// Whether the caller has a token. Its scopes limit what they may do.
    pub(super) fn is_bearer(&self) -> bool {
        self.scopes.is_some()
    }

    /// Whether the caller's token covers `action` in `repository`. True without a token, which limits nothing.
    pub(super) fn covers(&self, repository: &RepositoryName, action: Action) -> bool {
        let covers = |scope: &Scope| {
            matches!(&scope.kind, Kind::Repository(name) if name == repository)
                && scope.actions.contains(&action)
        };
        self.scopes.as_ref().is_none_or(|scopes| scopes.iter().any(covers))
    }

    /// The repositories that the caller's token covers for pull; `None` without a token.
    pub(super) fn readable(&self) -> Option<Vec<RepositoryName>> {
        let readable = |scope: &Scope| match &scope.kind {
            Kind::Repository(name) if scope.actions.contains(&Action::Pull) => Some(name.clone()),
            _ => None,
        };
        Some(self.scopes.as_ref()?.iter().filter_map(readable).collect())
    }

    /// Whether the caller's token covers the list of repositories. True without a token.
    pub(super) fn covers_catalog(&self) -> bool {
        let covers = |scope: &Scope| scope.kind == Kind::Catalog;
        self.scopes.as_ref().is_none_or(|scopes| scopes.iter().any(covers))
    }
}
