//! Hashing of bytes as they pass. It runs in the task that moves them: SHA-256 takes 1.5 GB/s on one core, and a
//! hand-over to another thread costs more than it saves.

use ring::digest::{Context, SHA256, SHA512};
use sha2::digest::Digest as _;
use sha2::digest::common::hazmat::SerializableState;
use sha2::{Sha256, Sha512};

use super::bulk;
use crate::oci::{Algorithm, Digest};

/// A running hash. A clone copies its state, which takes a hundred nanoseconds.
#[derive(Clone)]
pub struct Hasher {
    algorithm: Algorithm,
    state: State,
}

/// ring cannot save its state. sha2 can, and is as fast on processors with SHA instructions only.
#[derive(Clone)]
enum State {
    Ring(Context),
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    /// Starts the hash of an empty input.
    pub fn new(algorithm: Algorithm) -> Self {
        let context = match algorithm {
            Algorithm::Sha256 => Context::new(&SHA256),
            Algorithm::Sha512 => Context::new(&SHA512),
        };
        Self { algorithm, state: State::Ring(context) }
    }

    /// Starts the hash of an empty input, so that [`save`](Self::save) can save it later.
    pub fn savable(algorithm: Algorithm) -> Self {
        let state = match algorithm {
            Algorithm::Sha256 => State::Sha256(Sha256::new()),
            Algorithm::Sha512 => State::Sha512(Sha512::new()),
        };
        Self { algorithm, state }
    }

    /// Continues a hash that [`save`](Self::save) returned. `None` if the bytes are no state of this algorithm.
    pub fn resume(algorithm: Algorithm, saved: &[u8]) -> Option<Self> {
        let state = match algorithm {
            Algorithm::Sha256 => State::Sha256(Sha256::deserialize(saved.try_into().ok()?).ok()?),
            Algorithm::Sha512 => State::Sha512(Sha512::deserialize(saved.try_into().ok()?).ok()?),
        };
        Some(Self { algorithm, state })
    }

    /// The state of a hash that [`savable`](Self::savable) started: about a hundred bytes, or two hundred for SHA-512.
    /// Empty for any other, which [`resume`](Self::resume) does not take.
    pub fn save(&self) -> Vec<u8> {
        match &self.state {
            State::Ring(_) => Vec::new(),
            State::Sha256(hash) => hash.serialize().to_vec(),
            State::Sha512(hash) => hash.serialize().to_vec(),
        }
    }

    /// The algorithm of the digest.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Appends bytes to the input.
    pub fn update(&mut self, bytes: &[u8]) {
        bulk::moved(bytes.len());
        match &mut self.state {
            State::Ring(context) => context.update(bytes),
            State::Sha256(hash) => hash.update(bytes),
            State::Sha512(hash) => hash.update(bytes),
        }
    }

    /// The digest of the whole input.
    pub fn finish(self) -> Digest {
        match self.state {
            State::Ring(context) => Digest::from_hash(self.algorithm, context.finish().as_ref()),
            State::Sha256(hash) => Digest::from_hash(self.algorithm, &hash.finalize()),
            State::Sha512(hash) => Digest::from_hash(self.algorithm, &hash.finalize()),
        }
    }
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hasher").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// Hashes a whole input.
pub fn digest(algorithm: Algorithm, bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(bytes);
    hasher.finish()
}

/// Hashes a whole input with SHA-256.
pub fn sha256(bytes: &[u8]) -> Digest {
    digest(Algorithm::Sha256, bytes)
}

/// Hashes a whole input with SHA-256 and skips the text of a [`Digest`].
pub fn sha256_bytes(bytes: &[u8]) -> [u8; 32] {
    sha256_of([bytes])
}

/// SHA-256 of frames that belong together.
pub fn sha256_of<'f>(frames: impl IntoIterator<Item = &'f [u8]>) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    frames.into_iter().for_each(|frame| context.update(frame));
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_hash_goes_on_where_it_was() {
        let input: Vec<u8> = (0..=255).cycle().take(1000).collect();
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            for at in [0, 1, 55, 64, 127, 128, 500, 1000] {
                let mut hasher = Hasher::savable(algorithm);
                hasher.update(&input[..at]);
                let saved = hasher.save();
                assert!(saved.len() < 300, "{}", saved.len());
                let mut resumed = Hasher::resume(algorithm, &saved).unwrap();
                resumed.update(&input[at..]);
                assert_eq!(resumed.finish(), digest(algorithm, &input));
                assert!(Hasher::resume(algorithm, &saved[1..]).is_none());
            }
            let ring = Hasher::new(algorithm).save();
            assert!(Hasher::resume(algorithm, &ring).is_none());
        }
    }

    #[test]
    fn computes_both_algorithms_in_any_pieces() {
        // FIPS 180-2, appendix B.1 and C.1.
        let sha256_abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let sha512_abc = "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                          2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
        assert_eq!(sha256(b"abc").as_str(), sha256_abc);
        assert_eq!(sha256_bytes(b"abc")[..], sha256(b"abc").hash());
        assert_eq!(digest(Algorithm::Sha512, b"abc").as_str(), sha512_abc);
        let mut hasher = Hasher::new(Algorithm::Sha256);
        hasher.update(b"a");
        let fork = hasher.clone();
        hasher.update(b"bc");
        assert_eq!(hasher.finish().as_str(), sha256_abc);
        assert_eq!(fork.finish(), sha256(b"a"));
    }
}
