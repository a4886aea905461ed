//! Authentication and authorization: who a caller is, and what the caller may do.
//!
//! [`Auth::identify`] turns the credentials of a request into a [`Caller`]. [`Auth::gate`] grants the caller rights as
//! [`Authorized`] values. A handler that touches a repository takes such a value, and only this room can create one.
//! [`Tokens::issue`] issues access tokens. With a token, a client need not send its password with every request, and
//! the token is limited to its scopes.
//!
//! This room parses the value of `Authorization`. It knows nothing else of HTTP: no status and no other header.

mod authority;
mod authorized;
mod caller;
mod configured;
mod credentials;
mod error;
mod gate;
mod identify;
mod key;
mod last_use;
mod lenience;
mod limits;
mod login;
mod reload_keys;
mod single_flight;
mod token;

pub use authority::{Auth, Settings};
pub use authorized::{Authorized, Delete, Listing, LoggedIn, Mounting, Pull, Push};
pub use caller::Caller;
pub use credentials::Credentials;
pub use error::AuthError;
pub use gate::Gate;
pub use key::{KeyInfo, KeyState, Revoked, SharedKeys};
pub use lenience::Lenience;
pub use limits::LoginLimits;
pub use reload_keys::ReloadKeys;
pub use token::{
    Audience, Claims, Entry, Inspection, Issued, Login, TokenRequest, Tokens, Validity,
};
