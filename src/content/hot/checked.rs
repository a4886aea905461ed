//! Layers whose bytes Kubo keeps in files on this host. They need no copy, only their checksums.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::stored::Stored;
use crate::oci::Digest;

/// Most bytes of checksums and CIDs that are kept: those of 200 GiB of layers.
const MOST: u64 = 32 << 20;

/// Layers for which room is made at the start.
const EXPECTED: usize = 1024;

/// The layers whose digest matched since this process began. Those that nobody asks for are evicted.
pub(super) struct Checked(Cache<Digest, Arc<Stored>, ByMemory>);

/// Weighs a layer by the memory that it takes here.
#[derive(Clone)]
struct ByMemory;

impl Weighter<Digest, Arc<Stored>> for ByMemory {
    fn weight(&self, _: &Digest, stored: &Arc<Stored>) -> u64 {
        stored.memory() as u64
    }
}

impl Default for Checked {
    fn default() -> Self {
        Self(Cache::with_weighter(EXPECTED, MOST, ByMemory))
    }
}

impl Checked {
    pub(super) fn find(&self, digest: &Digest) -> Option<Arc<Stored>> {
        self.0.get(digest)
    }

    pub(super) fn put(&self, digest: Digest, stored: Arc<Stored>) {
        self.0.insert(digest, stored);
    }

    /// Forgets a layer whose bytes are others now, or gone. What another reader has had hashed anew since then stays.
    pub(super) fn forget(&self, digest: &Digest, stored: &Arc<Stored>) {
        self.0.remove_if(digest, |kept| Arc::ptr_eq(kept, stored));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::hashing::sha256;

    #[test]
    fn what_was_hashed_anew_is_not_forgotten() {
        let (checked, digest) = (Checked::default(), sha256(b"abc"));
        let stored = || Arc::new(Stored::copy(Arc::new(tempfile::tempfile().unwrap()), 3));
        let (damaged, mended) = (stored(), stored());
        checked.put(digest.clone(), Arc::clone(&mended));
        checked.forget(&digest, &damaged);
        assert!(checked.find(&digest).is_some_and(|found| Arc::ptr_eq(&found, &mended)));
        checked.forget(&digest, &mended);
        assert!(checked.find(&digest).is_none());
    }
}
