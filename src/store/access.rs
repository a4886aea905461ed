//! Who asks, as the rows know them, and which rights they hold.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;
use tokio_postgres::Row;

use super::connection::Param;
use super::retry::bounded;
use super::statements::Query;
use super::{Store, StoreError};
use crate::oci::RepositoryName;

/// What may be done in a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Read.
    Pull,
    /// Add.
    Push,
    /// Take away.
    Delete,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Pull, Self::Push, Self::Delete];

    /// As scopes and tokens spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Delete => "delete",
        }
    }

    /// The roles that allow it, as `gate` of `sql/migrations/0003_access.sql` takes them.
    pub(super) fn roles(self) -> &'static [&'static str] {
        match self {
            Self::Pull => &["public", "pull", "push", "delete", "admin"],
            Self::Push => &["push", "admin"],
            Self::Delete => &["delete", "admin"],
        }
    }
}

/// What an account may do where it holds a grant. Each includes to pull.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Pull.
    Pull,
    /// Pull and push.
    Push,
    /// Pull and delete.
    Delete,
    /// Everything.
    Admin,
}

impl Role {
    /// As it is stored and written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Delete => "delete",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Role {
    type Err = RoleError;

    fn from_str(s: &str) -> Result<Self, RoleError> {
        [Self::Pull, Self::Push, Self::Delete, Self::Admin]
            .into_iter()
            .find(|role| role.as_str() == s)
            .ok_or(RoleError)
    }
}

/// Not a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a role; there are pull, push, delete and admin")]
pub struct RoleError;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Grantee {
    /// Whoever it is: this server asks for no login.
    Everyone,
    /// Somebody who did not say who they are: may pull what is public.
    Nobody,
    /// The holder of this state of an account's credentials (`accounts.revision`).
    Account(i64),
}

impl Grantee {
    /// As `gate` takes it.
    pub(super) fn revision(self) -> Option<i64> {
        match self {
            Self::Everyone => Some(0),
            Self::Nobody => None,
            Self::Account(revision) => Some(revision),
        }
    }
}

/// A repository, and who asks for something in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Where.
    pub repository: RepositoryName,
    /// Who.
    pub grantee: Grantee,
}

impl Access {
    /// As `gate` takes it.
    pub(super) fn asking(&self, action: Action) -> Asking<'_> {
        Asking {
            repository: self.repository.as_str(),
            revision: self.grantee.revision(),
            patterns: Pattern::covering(&self.repository),
            roles: action.roles(),
        }
    }
}

/// The parameters of `gate`.
pub(super) struct Asking<'a> {
    pub(super) repository: &'a str,
    pub(super) revision: Option<i64>,
    pub(super) patterns: Vec<String>,
    pub(super) roles: &'static [&'static str],
}

/// Reads the gate's column: a row may be looked at only after this.
///
/// # Errors
/// [`StoreError::Denied`].
pub(super) fn admitted(row: Option<&Row>) -> Result<&Row, StoreError> {
    let row = row.ok_or_else(|| StoreError::Internal("the gate gave no row".to_owned()))?;
    if row.try_get("allowed")? { Ok(row) } else { Err(StoreError::Denied) }
}

impl Store {
    /// Whether `action` is allowed. One point read; what has a lookup asks with that.
    ///
    /// # Errors
    /// [`StoreError`], never [`StoreError::Denied`].
    pub async fn allowed(&self, access: &Access, action: Action) -> Result<bool, StoreError> {
        let Asking { repository, revision, patterns, roles } = access.asking(action);
        let params: [Param<'_>; 4] = [&repository, &revision, &patterns, &roles];
        let row = bounded(self.reads().row(Query::AccessAllowed, params)).await?;
        match admitted(row.as_ref()) {
            Ok(_) => Ok(true),
            Err(StoreError::Denied) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What `grantee` may do in each of `repositories`, in their order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn granted(
        &self,
        grantee: Grantee,
        repositories: &[RepositoryName],
    ) -> Result<Vec<BTreeSet<Action>>, StoreError> {
        let names: Vec<&str> = repositories.iter().map(RepositoryName::as_str).collect();
        let revision = grantee.revision();
        let rows = bounded(self.pool().rows(Query::AccessRoles, [&names, &revision])).await?;
        rows.iter().map(actions).collect()
    }

    /// Whether `subject` completed a blob in `repository` within `past`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn pushed_recently(
        &self,
        repository: &RepositoryName,
        subject: &str,
        past: Duration,
    ) -> Result<bool, StoreError> {
        let (repository, seconds) = (repository.as_str(), past.as_secs_f64());
        let params: [Param<'_>; 3] = [&repository, &subject, &seconds];
        Ok(bounded(self.reads().row(Query::AccessRecentPush, params)).await?.is_some())
    }
}

fn actions(row: &Row) -> Result<BTreeSet<Action>, StoreError> {
    let (everything, public): (bool, bool) = (row.try_get("everything")?, row.try_get("public")?);
    let roles: Option<Vec<String>> = row.try_get("roles")?;
    let roles = roles.unwrap_or_default();
    let holds = |action: Action| {
        let by_role = action.roles().iter().any(|role| roles.iter().any(|held| held == role));
        everything || by_role || (public && action == Action::Pull)
    };
    Ok(Action::ALL.into_iter().filter(|action| holds(*action)).collect())
}

/// Where a grant holds: `*`, `prefix/*`, or the name of one repository, which need not exist.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern(String);

impl Pattern {
    /// The pattern that covers every repository.
    pub fn everything() -> Self {
        Self("*".to_owned())
    }

    /// As it is stored and written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Every pattern that covers `repository`, as many as its name has components and one more.
    fn covering(repository: &RepositoryName) -> Vec<String> {
        let name = repository.as_str();
        let prefixes = name.match_indices('/').map(|(at, _)| format!("{}/*", &name[..at]));
        let all = ["*".to_owned(), name.to_owned()];
        all.into_iter().chain(prefixes).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Whether everything it covers lies in `namespace`: its repository of that name, or below it.
    pub fn is_within(&self, namespace: &str) -> bool {
        self.0 == namespace
            || self.0.strip_prefix(namespace).is_some_and(|rest| rest.starts_with('/'))
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(s: &str) -> Result<Self, PatternError> {
        let name = s.strip_suffix("/*").unwrap_or(s);
        match s == "*" || name.parse::<RepositoryName>().is_ok() {
            true => Ok(Self(s.to_owned())),
            false => Err(PatternError),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Not a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a repository, nor prefix/*, nor *")]
pub struct PatternError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_covered_by_itself_its_prefixes_and_all() {
        let covering = |name: &str| Pattern::covering(&name.parse().unwrap());
        assert_eq!(covering("a"), ["*", "a"]);
        assert_eq!(covering("a/b/c"), ["*", "a/*", "a/b/*", "a/b/c"]);
    }

    #[test]
    fn patterns_are_names_prefixes_and_all() {
        for good in ["*", "a", "a/b", "a/*", "a/b/*"] {
            assert_eq!(good.parse::<Pattern>().unwrap().as_str(), good);
        }
        for bad in ["", "/*", "a*", "*/a", "a/**", "a/*/b", "A", "a/", "**"] {
            assert_eq!(bad.parse::<Pattern>(), Err(PatternError), "{bad}");
        }
    }

    #[test]
    fn a_namespace_holds_its_repository_and_what_is_below() {
        let within = |pattern: &str| pattern.parse::<Pattern>().unwrap().is_within("acme");
        assert!(within("acme") && within("acme/*") && within("acme/a") && within("acme/a/*"));
        assert!(!within("*") && !within("acme2/*") && !within("acm"));
    }
}
