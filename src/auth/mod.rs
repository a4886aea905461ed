//! Who asks, and what they may do.
//!
//! A request says who it comes from ([`Auth::identify`]) and passes the one gate ([`Auth::admit`]); a handler that
//! touches a repository takes an [`Authorized`] value, and only this room can build one.

mod account_name;
mod authorized;
mod caller;
mod error;
mod gate;
mod need;
mod password;
mod random_secret;
mod scope;

pub use account_name::{AccountName, AccountNameError};
pub use authorized::{Authorized, Delete, Listing, Mounting, Pull, Push};
pub use caller::Caller;
pub use error::AuthError;
pub use gate::Permit;
pub use need::{Lenience, Need, RepositoryNeed};
pub use password::hash_password;
pub use random_secret::{ROBOT_PREFIX, new_password, new_robot_secret, robot_secret_hash};
pub use scope::{Kind, Scope};

pub use crate::store::Action;

mod stub;
pub use stub::*;
