//! Who asks, as the rows know them, and which rights they hold.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

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
    /// The patterns that cover the repository.
    pub(super) fn patterns(&self) -> Vec<String> {
        Pattern::covering(&self.repository)
    }
}

/// The answer to a question that was asked together with whether it may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gated<T> {
    /// May not. Says nothing of whether there is anything.
    Denied,
    /// May, and this is it.
    Open(T),
}

/// Where a grant holds: `*`, `prefix/*`, or the name of one repository, which need not exist.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern(String);

impl Pattern {
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
