//! The words for rights: actions, roles, patterns of repositories, who holds a grant, and the scope of a token.
//!
//! Pure: no async, no I/O. The rows that hold rights live in `store`, the decision in `auth`.

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
