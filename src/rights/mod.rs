//! The vocabulary of rights: actions, roles, patterns of repositories, grantees, and scopes of tokens.
//!
//! Pure: no async, no I/O. `store` keeps the rows of rights, and `auth` decides by them.

mod access;
mod action;
mod grantee;
mod pattern;
mod role;
mod scope;

pub use access::Access;
pub use action::Action;
pub use grantee::Grantee;
pub use pattern::{Pattern, PatternError};
pub use role::{Role, RoleError};
pub use scope::{Kind, Scope};
