//! Secrets that this program makes up: those of robots, and the first administrator's password.
//!
//! 32 random bytes cannot be guessed, so their plain SHA-256 is as good as any slow hash, and costs nothing at login.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};

use crate::config::Secret;
use crate::seal::random;
use crate::stream::hashing::sha256_bytes;

/// What every robot's secret begins with, so that one that got lost is known for what it is.
const ROBOT_PREFIX: &str = "afr_";

/// A new secret for a robot: the prefix and 43 characters of base64url.
pub fn new_robot_secret() -> Secret {
    Secret::new(format!("{ROBOT_PREFIX}{}", BASE64URL_NOPAD.encode(&random::bytes::<32>())))
}

/// What is kept of a robot's secret: its SHA-256 in hex.
pub fn robot_secret_hash(secret: &Secret) -> String {
    HEXLOWER.encode(&sha256_bytes(secret.expose().as_bytes()))
}

/// A new password for a person to type once: 24 characters of base64url.
pub(crate) fn random_password() -> Secret {
    Secret::new(BASE64URL_NOPAD.encode(&random::bytes::<18>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_long_and_never_the_same() {
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
