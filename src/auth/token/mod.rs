//! Access tokens, which are JSON Web Tokens (RFC 7519) signed with RS256, and refresh tokens.

mod claims;
mod issue;
mod jwt;
mod refresh;
#[cfg(test)]
mod tests;
mod tokens;
mod verify;

use claims::unix;
pub use claims::{Audience, Claims, Entry};
pub(super) use claims::{Expectation, LATEST, LEEWAY};
pub use issue::{Issued, Login, TokenRequest};
use jwt::{Unverified, sign};
pub(super) use tokens::Lives;
pub use tokens::Tokens;
pub use verify::{Inspection, Validity};
