//! What a token is good for: `repository:<name>:<actions>` and `registry:catalog:*`.

use std::collections::BTreeSet;

use crate::oci::RepositoryName;
use crate::store::Action;

/// One scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Of what.
    pub kind: Kind,
    /// To do what.
    pub actions: BTreeSet<Action>,
}

/// What a scope is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The list of repositories.
    Catalog,
    /// One repository.
    Repository(RepositoryName),
}
