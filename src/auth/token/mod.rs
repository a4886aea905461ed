//! The tokens that clients carry: JSON Web Tokens (RFC 7519), signed with RS256 and nothing else.

mod claims;
mod issue;
mod jwt;
mod refresh;
#[cfg(test)]
mod tests;

pub use claims::{Audience, Claims, Entry};
pub(super) use claims::{Expectation, LATEST, LEEWAY};
pub use issue::{Issued, Login, TokenRequest};
pub(super) use jwt::Unverified;
use jwt::sign;
