//! Secrets at rest: the signing secret, what is sealed under keys derived from it, and random bytes.

pub mod random;
mod sealer;
mod signing_secret;

pub use sealer::{EpochSealer, Sealer};
pub use signing_secret::{SecretError, SigningSecret};
