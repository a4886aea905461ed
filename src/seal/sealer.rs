//! Encryption of what is stored in the database, or with clients, but must not be readable there: AES-256-GCM under
//! keys derived from the signing secret.

use std::fmt;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Prk, Salt};

use super::{SigningSecret, random};

/// Salt of every key. If another program derives keys from the same secret, they differ from ours.
const SALT: &[u8] = b"af-registry";

/// Encrypts and authenticates data for one purpose. Data sealed for another purpose does not open.
pub struct Sealer {
    key: LessSafeKey,
}

impl Sealer {
    /// Creates the sealer for `purpose`. Its key is HKDF-SHA256 (RFC 5869) of the secret, with the purpose as info.
    pub fn new(secret: &SigningSecret, purpose: &str) -> Self {
        Self::expand(&extract(secret), purpose)
    }

    fn expand(extracted: &Prk, purpose: &str) -> Self {
        let info = [purpose.as_bytes()];
        let key = extracted.expand(&info, &AES_256_GCM).expect("a key is shorter than 8160 bytes");
        Self { key: LessSafeKey::new(UnboundKey::from(key)) }
    }

    /// Seals `plain`. It opens only with the same `aad` (additional authenticated data). The result is 28 bytes longer:
    /// a random nonce before the ciphertext, and the tag after it. With random nonces, one key is safe for about 2^32
    /// seals (NIST SP 800-38D, 8.3).
    pub fn seal(&self, aad: &[u8], plain: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_LEN] = random::bytes();
        let mut text = plain.to_vec();
        let tag = self
            .key
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(aad),
                &mut text,
            )
            .expect("what is sealed is shorter than 64 GiB");
        [&nonce, &*text, tag.as_ref()].concat()
    }

    /// Opens what [`Sealer::seal`] returned. `None` if `aad` or the key is another one, or if the bytes were changed.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut text = text.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self.key.open_in_place(nonce, Aad::from(aad), &mut text).ok()?.len();
        text.truncate(length);
        Some(text)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}

/// As [`Sealer`], with a separate key for each epoch: a key that leaks opens only what was sealed in its epoch.
pub struct EpochSealer {
    extracted: Prk,
    purpose: &'static str,
}

impl EpochSealer {
    /// Creates the sealer for `purpose`. An epoch has the key of a [`Sealer`] whose purpose is this one, a space, and
    /// the number of the epoch.
    pub fn new(secret: &SigningSecret, purpose: &'static str) -> Self {
        Self { extracted: extract(secret), purpose }
    }

    /// Seals `plain` under the key of `epoch`, as [`Sealer::seal`] does.
    pub fn seal(&self, epoch: u64, aad: &[u8], plain: &[u8]) -> Vec<u8> {
        self.at(epoch).seal(aad, plain)
    }

    /// Opens what was sealed in `epoch`, as [`Sealer::open`] does.
    pub fn open(&self, epoch: u64, aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        self.at(epoch).open(aad, sealed)
    }

    fn at(&self, epoch: u64) -> Sealer {
        Sealer::expand(&self.extracted, &format!("{} {epoch}", self.purpose))
    }
}

impl fmt::Debug for EpochSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EpochSealer")
    }
}

pub(super) fn extract(secret: &SigningSecret) -> Prk {
    Salt::new(HKDF_SHA256, SALT).extract(secret.bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn sealer(secret: &str, purpose: &str) -> Sealer {
        Sealer::new(&SigningSecret::new(Secret::new(secret)).unwrap(), purpose)
    }

    #[test]
    fn sealed_bytes_open_to_the_same_bytes() {
        let ours = sealer("a secret of some length", "keys");
        for plain in [&b""[..], b"x", &[7; 5000]] {
            let sealed = ours.seal(b"name", plain);
            assert_eq!(sealed.len(), plain.len() + 28);
            assert_eq!(ours.open(b"name", &sealed).as_deref(), Some(plain));
            assert_ne!(ours.seal(b"name", plain), sealed);
        }
    }

    #[test]
    fn an_epoch_has_a_key_of_its_own() {
        let secret = SigningSecret::new(Secret::new("a secret of some length")).unwrap();
        let tickets = EpochSealer::new(&secret, "tickets");
        let sealed = tickets.seal(7, b"name", b"plain");
        assert_eq!(tickets.open(7, b"name", &sealed).as_deref(), Some(&b"plain"[..]));
        assert_eq!(tickets.open(8, b"name", &sealed), None);
        // The derivation must not change: instances of two versions may share the secret.
        let sealer = Sealer::new(&secret, "tickets 7");
        assert_eq!(sealer.open(b"name", &sealed).as_deref(), Some(&b"plain"[..]));
    }

    #[test]
    fn another_key_aad_or_a_change_keeps_it_shut() {
        let ours = sealer("a secret of some length", "keys");
        let sealed = ours.seal(b"name", b"plain");
        assert_eq!(ours.open(b"other", &sealed), None);
        assert_eq!(sealer("another secret of length", "keys").open(b"name", &sealed), None);
        assert_eq!(sealer("a secret of some length", "tickets").open(b"name", &sealed), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(ours.open(b"name", &changed), None, "{at}");
            assert_eq!(ours.open(b"name", &sealed[..at]), None, "{at}");
        }
    }
}
