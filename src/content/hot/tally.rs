//! The digest of a layer and the checksums of its pieces, taken while its bytes pass.

use std::hash::Hasher as _;
use std::sync::Arc;

use twox_hash::XxHash3_64;

use super::flights::{Failure, Progress};
use super::layout::PIECE;
use super::stored::Stored;
use crate::content::wanted::Wanted;
use crate::oci::Digest;
use crate::stream::hashing::Hasher;

/// What is known of the bytes that have passed.
pub(super) struct Tally {
    stored: Arc<Stored>,
    digest: Digest,
    hasher: Hasher,
    /// The checksum of the piece that is not complete.
    piece: XxHash3_64,
    at: u64,
}

impl Tally {
    /// Before the first byte of the blob, whose checksums `stored` takes.
    pub(super) fn begin(wanted: &Wanted, stored: &Arc<Stored>) -> Self {
        let digest = wanted.digest.clone();
        let (hasher, piece) = (Hasher::new(digest.algorithm()), XxHash3_64::new());
        Self { stored: Arc::clone(stored), digest, hasher, piece, at: 0 }
    }

    /// How many bytes have passed.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Adds the next bytes.
    pub(super) fn add(&mut self, mut bytes: &[u8]) {
        self.hasher.update(bytes);
        while !bytes.is_empty() {
            let space = PIECE - self.at % PIECE;
            let (now, rest) = bytes.split_at(bytes.len().min(space as usize));
            self.piece.write(now);
            self.at += now.len() as u64;
            if self.at.is_multiple_of(PIECE) || self.at == self.stored.size() {
                let sum = std::mem::replace(&mut self.piece, XxHash3_64::new()).finish();
                self.stored.note((self.at - 1) / PIECE * PIECE, sum);
            }
            bytes = rest;
        }
    }

    /// How far readers may read: complete pieces, and not the last one, which waits for the digest.
    pub(super) fn progress(&self) -> Progress {
        let end = self.at.min(self.stored.size() - 1) / PIECE * PIECE;
        Progress::Written(Arc::clone(&self.stored), end)
    }

    /// Compares the digest, after the last byte.
    pub(super) fn finish(self) -> Result<Arc<Stored>, Failure> {
        match self.hasher.finish() {
            actual if actual == self.digest => Ok(self.stored),
            actual => Err(Failure::Wrong(actual)),
        }
    }
}
