//! Secrets at rest: the signing secret, encryption and tags under keys derived from it, and random bytes.
//!
//! Any room may use this one. It holds no secret of any particular purpose: signing keys, certificates and session
//! tickets are sealed in the rooms that own them.

mod authenticator;
pub mod random;
mod sealer;
mod signing_secret;

pub use authenticator::Authenticator;
pub use sealer::{EpochSealer, Sealer};
pub use signing_secret::{SecretError, SigningSecret};
