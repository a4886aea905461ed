//! Who asks, and what they may do.
//!
//! A request says who it comes from ([`Auth::identify`]) and passes the one gate ([`Auth::admit`]); a handler that
//! touches a repository takes an [`Authorized`] value, and only this room can build one.
//!
//! No HTTP in here but the value of `Authorization`: no status, no other header.

mod authorized;
mod caller;
mod credentials;
mod error;
mod gate;
#[cfg_attr(not(test), expect(dead_code, unused_imports, reason = "nothing signs yet"))]
mod key;
mod need;
mod scope;
#[cfg_attr(not(test), expect(dead_code, unused_imports, reason = "nothing signs yet"))]
mod token;

pub use authorized::{Authorized, Delete, Listing, Mounting, Pull, Push};
pub use caller::Caller;
pub use credentials::Credentials;
pub use error::AuthError;
pub use gate::Permit;
pub use need::{Lenience, Need, RepositoryNeed};
pub use scope::{Kind, Scope};
pub use token::{Claims, Entry};

pub use crate::store::Action;

mod stub;
pub use stub::*;
