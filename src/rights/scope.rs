//! Scopes of tokens, such as `repository:library/alpine:pull,push` (CNCF distribution, "Token Scope Documentation").

use std::collections::BTreeSet;
use std::fmt;

use super::Action;
use crate::oci::RepositoryName;

/// Actions on a repository or on the catalog. A client asks for scopes, and a token is limited to those it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The object of the actions.
    pub kind: Kind,
    /// At least one.
    pub actions: BTreeSet<Action>,
}

/// The object of a scope.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The repository of this name.
    Repository(RepositoryName),
    /// The list of all repositories.
    Catalog,
}

impl Kind {
    /// The name of the repository; `None` for the catalog.
    pub fn repository(&self) -> Option<&RepositoryName> {
        match self {
            Self::Repository(name) => Some(name),
            Self::Catalog => None,
        }
    }
}

impl Scope {
    /// Parses one scope, `type:name:action,action`. The type ends at the first colon, and the actions begin after the
    /// last. The type `repository(plugin)` means `repository`, and the action `*` means all.
    ///
    /// Clients ask for more than they need: an unknown action is left out, and `None` stands for an unknown type, an
    /// invalid name, or no known action.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        let (name, actions) = rest.rsplit_once(':')?;
        Self::of(kind, name, actions.split(','))
    }

    /// Parses the scopes of one query parameter, which are separated by spaces. Unknown ones are left out.
    pub fn parse_all(text: &str) -> impl Iterator<Item = Self> {
        text.split(' ').filter_map(Self::parse)
    }

    /// As [`Scope::parse`], from the parts that a token lists.
    pub fn of<'a>(kind: &str, name: &str, actions: impl Iterator<Item = &'a str>) -> Option<Self> {
        let actions: BTreeSet<&str> = actions.collect();
        let all = actions.contains("*");
        let kind = match class(kind)? {
            "repository" => Kind::Repository(name.parse().ok()?),
            "registry" if name == "catalog" && all => Kind::Catalog,
            _ => return None,
        };
        let known = Action::ALL.into_iter();
        let actions: BTreeSet<_> =
            known.filter(|action| all || actions.contains(action.as_str())).collect();
        (!actions.is_empty()).then_some(Self { kind, actions })
    }

    /// The type as tokens write it: `repository` or `registry`.
    pub fn type_name(&self) -> &'static str {
        match self.kind {
            Kind::Repository(_) => "repository",
            Kind::Catalog => "registry",
        }
    }

    /// The name as tokens write it: that of the repository, or `catalog`.
    pub fn name(&self) -> &str {
        match &self.kind {
            Kind::Repository(name) => name.as_str(),
            Kind::Catalog => "catalog",
        }
    }

    /// The actions as tokens write them.
    pub fn action_names(&self) -> Vec<&'static str> {
        match self.kind {
            Kind::Repository(_) => self.actions.iter().map(|action| action.as_str()).collect(),
            Kind::Catalog => vec!["*"],
        }
    }
}

/// The type without the class that may follow it in parentheses.
fn class(kind: &str) -> Option<&str> {
    match kind.split_once('(') {
        None => Some(kind),
        Some((kind, class)) => {
            let class = class.strip_suffix(')')?;
            let plain = !class.is_empty() && class.bytes().all(|byte| byte.is_ascii_alphanumeric());
            plain.then_some(kind)
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.type_name(), self.name(), self.action_names().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<String> {
        Scope::parse(text).map(|scope| scope.to_string())
    }

    #[test]
    fn actions_are_printed_in_one_order() {
        for text in ["repository:a/b:pull,push", "repository:a/b:push,pull,push"] {
            assert_eq!(shown(text).as_deref(), Some("repository:a/b:pull,push"));
        }
        assert_eq!(shown("repository:a:delete").as_deref(), Some("repository:a:delete"));
        assert_eq!(shown("repository:a:*").as_deref(), Some("repository:a:pull,push,delete"));
        assert_eq!(shown("repository:a:pull,*").as_deref(), Some("repository:a:pull,push,delete"));
    }

    #[test]
    fn unknown_types_names_and_actions_are_left_out() {
        assert_eq!(shown("repository:a:pull,metadata_read").as_deref(), Some("repository:a:pull"));
        for text in [
            "",
            ":",
            "::",
            "repository",
            "repository:a",
            "repository:a:",
            "repository:a:Pull",
            "repository:a:pull ",
            "repository::pull",
            "repository:A:pull",
            "repository:../a:pull",
            // The name may hold a colon, but no repository has such a name.
            "repository:host:5000/a:pull",
            "Repository:a:pull",
            "registry:catalog:pull",
            "registry:other:*",
            "account:me:*",
        ] {
            assert_eq!(shown(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_class_of_a_repository_is_ignored() {
        assert_eq!(shown("repository(plugin):a:pull").as_deref(), Some("repository:a:pull"));
        for text in ["repository():a:pull", "repository(plugin:a:pull", "repository(p)x:a:pull"] {
            assert_eq!(shown(text), None, "{text}");
        }
    }

    #[test]
    fn the_catalog_has_one_scope() {
        let scope = Scope::parse("registry:catalog:*").unwrap();
        assert_eq!(scope.kind, Kind::Catalog);
        assert_eq!(scope.to_string(), "registry:catalog:*");
    }

    #[test]
    fn one_parameter_may_hold_several_scopes() {
        let all: Vec<_> = Scope::parse_all("repository:a:pull  nonsense repository:b:push")
            .map(|scope| scope.to_string())
            .collect();
        assert_eq!(all, ["repository:a:pull", "repository:b:push"]);
        assert_eq!(Scope::parse_all("").count(), 0);
    }

    #[test]
    fn a_printed_scope_parses_to_itself() {
        for text in ["repository:a/b:pull,delete", "registry:catalog:*", "repository:a:push"] {
            let scope = Scope::parse(text).unwrap();
            assert_eq!(Scope::parse(&scope.to_string()), Some(scope));
        }
    }
}
