//! The RSA keys that sign tokens.
//!
//! ring signs and verifies, and cannot make an RSA key; the crate `rsa` does that and nothing else (`generate`). Its
//! open advisory, RUSTSEC-2023-0071, is about the time that private-key operations take, decryption above all: it
//! performs none here, once a key is made it is handed over as DER and only ring ever uses it.

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
pub use shared::SharedKeys;
