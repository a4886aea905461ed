//! Who asks, and what they may do.
//!
//! A request says who it comes from ([`Auth::identify`]) and passes the one gate ([`Auth::gate`]); a handler that
//! touches a repository takes an [`Authorized`] value, and only this room can build one. Who logs in may have a token
//! ([`Auth::issue`]), which spares the password and is good for less.
//!
//! No HTTP in here but the value of `Authorization`: no status, no other header.

mod authority;
mod authorized;
mod caller;
mod configured;
mod credentials;
mod error;
mod gate;
mod identify;
mod key;
mod lenience;
mod limits;
mod login;
mod token;

pub use authority::{Auth, Settings};
pub use authorized::{Authorized, Delete, Listing, LoggedIn, Mounting, Pull, Push};
pub use caller::Caller;
pub use credentials::Credentials;
pub use error::AuthError;
pub use gate::Gate;
pub use key::{KeyInfo, KeyState, SharedKeys};
pub use lenience::Lenience;
pub use limits::LoginLimits;
pub use token::{
    Audience, Claims, Entry, Inspection, Issued, Login, TokenRequest, Tokens, Validity,
};
