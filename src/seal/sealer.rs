//! What the database keeps and must not know: sealed with AES-256-GCM under a key derived from the signing secret.

use std::fmt;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Prk, Salt};

use super::{SigningSecret, random};

/// Of all that is derived from the secret: a secret that another program uses too gives it other keys.
const SALT: &[u8] = b"af-registry";

/// Seals for one purpose. What was sealed for another does not open. Cheap enough to make once and keep.
pub struct Sealer {
    key: LessSafeKey,
}

impl Sealer {
    /// The sealer for `purpose`: its key is HKDF-SHA256 (RFC 5869) of the secret, with the purpose as info.
    pub fn new(secret: &SigningSecret, purpose: &str) -> Self {
        Self::expand(&extract(secret), purpose)
    }

    fn expand(extracted: &Prk, purpose: &str) -> Self {
        let info = [purpose.as_bytes()];
        let key = extracted.expand(&info, &AES_256_GCM).expect("a key is shorter than 8160 bytes");
        Self { key: LessSafeKey::new(UnboundKey::from(key)) }
    }

    /// Seals `plain`; only who names the same `aad` will open it. 28 bytes longer: a random nonce before it, the tag
    /// behind it. Good for four thousand million seals under one secret.
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

    /// What was sealed with this `aad`; `None` if it was not, or not by this sealer, or was changed.
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

/// Seals for one purpose under a key of its own in each epoch, so that a key that leaks opens only its epoch.
pub struct EpochSealer {
    extracted: Prk,
    purpose: &'static str,
}

impl EpochSealer {
    /// The key of an epoch is that of a [`Sealer`] for the purpose followed by a space and the number of the epoch.
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

fn extract(secret: &SigningSecret) -> Prk {
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
    fn what_was_sealed_opens_as_it_was() {
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
        // The names of the keys must stay: instances of two versions may share the secret.
        let sealer = Sealer::new(&secret, "tickets 7");
        assert_eq!(sealer.open(b"name", &sealed).as_deref(), Some(&b"plain"[..]));
    }

    #[test]
    fn nothing_else_opens_it() {
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
