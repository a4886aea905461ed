//! Generated secrets: those of robots, and the password of the first administrator.
//!
//! 32 random bytes cannot be guessed, so their plain SHA-256 is as safe as a slow hash, and much cheaper at login.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};

use crate::config::Secret;
use crate::seal::random;
use crate::stream::hashing::sha256_bytes;

/// Beginning of every robot's secret. Scanners for leaked secrets recognize it by this.
const ROBOT_PREFIX: &str = "afr_";

/// Generates a secret for a robot: the prefix `afr_` and 43 characters of base64url, which encode 32 random bytes.
pub fn new_robot_secret() -> Secret {
    Secret::new(format!("{ROBOT_PREFIX}{}", BASE64URL_NOPAD.encode(&random::bytes::<32>())))
}

/// The hash of a robot's secret that the database stores: SHA-256 in hex.
pub fn robot_secret_hash(secret: &Secret) -> String {
    HEXLOWER.encode(&sha256_bytes(secret.expose().as_bytes()))
}

/// Generates a password: 24 characters of base64url, which encode 18 random bytes.
pub(crate) fn random_password() -> Secret {
    Secret::new(BASE64URL_NOPAD.encode(&random::bytes::<18>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_long_and_differ() {
        let (one, two) = (new_robot_secret(), new_robot_secret());
        assert!(one.expose().starts_with("afr_") && one.expose().len() == 47);
        assert!(one != two);
        assert_eq!(random_password().expose().len(), 24);
    }

    #[test]
    fn the_hash_is_sha256_in_hex() {
        let hash = robot_secret_hash(&Secret::new("abc"));
        assert_eq!(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
