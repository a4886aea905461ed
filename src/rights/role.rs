//! What a grant allows.

use std::str::FromStr;

use serde::Serialize;
use thiserror::Error;

/// What an account may do where it holds a grant. Each includes to pull.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
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
