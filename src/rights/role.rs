//! Roles, which grants give to accounts.

use std::str::FromStr;

use serde::Serialize;
use thiserror::Error;

/// A set of rights in the repositories of a grant. Every role includes pulling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the other variants are their names")]
pub enum Role {
    Pull,
    Push,
    Delete,
    /// Pull, push and delete.
    Admin,
}

impl Role {
    /// The word that is stored, and that commands use.
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

/// The text is not a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a role; the roles are pull, push, delete and admin")]
pub struct RoleError;
