//! Tags that prove who wrote something: HMAC-SHA256 under keys derived from the signing secret.

use std::fmt;

use ring::hmac::{self, HMAC_SHA256, Key};

use super::SigningSecret;
use super::sealer::extract;

/// Writes and verifies tags for one purpose. The tag of another purpose is not valid.
pub struct Authenticator {
    key: Key,
}

impl Authenticator {
    /// Creates the authenticator for `purpose`. Its key is HKDF-SHA256 (RFC 5869) of the secret, with the purpose as info.
    pub fn new(secret: &SigningSecret, purpose: &str) -> Self {
        let (extracted, info) = (extract(secret), [purpose.as_bytes()]);
        let key = extracted.expand(&info, HMAC_SHA256).expect("a key is shorter than 8160 bytes");
        Self { key: Key::from(key) }
    }

    /// The tag of `data`. It is the same each time and on each instance with the same secret.
    pub fn tag(&self, data: &[u8]) -> Vec<u8> {
        hmac::sign(&self.key, data).as_ref().to_vec()
    }

    /// Whether `tag` is the tag of `data`. The time it takes does not depend on how much of it is right.
    pub fn verify(&self, data: &[u8], tag: &[u8]) -> bool {
        hmac::verify(&self.key, data, tag).is_ok()
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authenticator")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    #[test]
    fn a_tag_belongs_to_its_data_purpose_and_secret() {
        let with = |secret: &str, purpose: &str| {
            Authenticator::new(&SigningSecret::new(Secret::new(secret)).unwrap(), purpose)
        };
        let ours = with("a secret of some length", "refresh");
        let tag = ours.tag(b"data");
        assert_eq!((tag.len(), ours.tag(b"data")), (32, tag.clone()));
        assert!(ours.verify(b"data", &tag) && !ours.verify(b"date", &tag));
        assert!(!ours.verify(b"data", &tag[..31]) && !ours.verify(b"data", b""));
        for other in
            [with("a secret of some length", "other"), with("another secret of it", "refresh")]
        {
            assert!(!other.verify(b"data", &tag));
        }
    }
}
