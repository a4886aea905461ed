//! Patterns of repository names.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use thiserror::Error;

use crate::oci::RepositoryName;

/// The repositories that a grant covers: `*` for all, `prefix/*` for all below a prefix, or the name of one repository,
/// which need not exist.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Pattern(String);

impl Pattern {
    /// The pattern that covers every repository.
    pub fn everything() -> Self {
        Self("*".to_owned())
    }

    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Every pattern that covers `repository`. Their number is one more than the components of its name.
    pub fn covering(repository: &RepositoryName) -> Vec<String> {
        let name = repository.as_str();
        let prefixes = name.match_indices('/').map(|(at, _)| format!("{}/*", &name[..at]));
        let all = ["*".to_owned(), name.to_owned()];
        all.into_iter().chain(prefixes).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Whether it covers nothing outside `namespace`, which is the repository of that name and all below it.
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

/// The text is not a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a repository name, prefix/* or *")]
pub struct PatternError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_covered_by_itself_its_prefixes_and_a_star() {
        let covering = |name: &str| Pattern::covering(&name.parse().unwrap());
        assert_eq!(covering("a"), ["*", "a"]);
        assert_eq!(covering("a/b/c"), ["*", "a/*", "a/b/*", "a/b/c"]);
    }

    #[test]
    fn patterns_are_names_prefixes_and_a_star() {
        for good in ["*", "a", "a/b", "a/*", "a/b/*"] {
            assert_eq!(good.parse::<Pattern>().unwrap().as_str(), good);
        }
        for bad in ["", "/*", "a*", "*/a", "a/**", "a/*/b", "A", "a/", "**"] {
            assert_eq!(bad.parse::<Pattern>(), Err(PatternError), "{bad}");
        }
    }

    #[test]
    fn a_namespace_is_a_repository_and_all_below_it() {
        let within = |pattern: &str| pattern.parse::<Pattern>().unwrap().is_within("acme");
        assert!(within("acme") && within("acme/*") && within("acme/a") && within("acme/a/*"));
        assert!(!within("*") && !within("acme2/*") && !within("acm"));
    }
}
