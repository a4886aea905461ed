//! The RSA keys that sign tokens.
//!
//! ring signs and verifies but cannot generate an RSA key, so the crate `rsa` does that, and nothing else (`generate`).
//! Its open advisory RUSTSEC-2023-0071 says that the time of private-key operations, mainly decryption, leaks the key.
//! It does not apply here: `rsa` performs no such operation. A generated key is handed to ring as DER.

mod der;
mod generate;
mod info;
mod pair;
mod set;
mod shared;

pub(super) use generate::generate;
pub use info::{KeyInfo, KeyState};
pub(super) use pair::{KeyPair, PublicKey};
pub(super) use set::KeySet;
pub use shared::{Revoked, SharedKeys};
