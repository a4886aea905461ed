//! Bytes that stay in memory by their digest.

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::oci::Digest;

/// What an entry takes beside its bytes: its key, its digest and its place in the cache.
const BESIDE: u64 = 300;

/// Entries for which room is made at the start.
const EXPECTED: usize = 4096;

/// The bytes that were read last, of blobs or of manifests. Those that nobody asks for are evicted.
pub type Kept = Cache<Digest, Bytes, ByBytes>;

/// Weighs an entry by the memory that it takes.
#[derive(Clone, Copy, Debug)]
pub struct ByBytes;

impl Weighter<Digest, Bytes> for ByBytes {
    fn weight(&self, _: &Digest, bytes: &Bytes) -> u64 {
        bytes.len() as u64 + BESIDE
    }
}

/// Keeps at most `most` bytes.
pub fn kept(most: u64) -> Kept {
    Cache::with_weighter(EXPECTED, most, ByBytes)
}
