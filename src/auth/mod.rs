//! Who asks, and what they may do.
//!
//! A request says who it comes from ([`Auth::identify`]) and passes the one gate ([`Auth::admit`]); a handler that
//! touches a repository takes an [`Authorized`] value, and only this room can build one.

mod authorized;
mod caller;
mod error;
mod gate;
mod need;
mod scope;

pub use authorized::{Authorized, Delete, Listing, Mounting, Pull, Push};
pub use caller::Caller;
pub use error::AuthError;
pub use gate::Permit;
pub use need::{Lenience, Need, RepositoryNeed};
pub use scope::{Kind, Scope};

pub use crate::store::Action;

mod stub;
pub use stub::*;
