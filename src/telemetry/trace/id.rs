//! Random ids of traces and spans.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Keys of the hash, which the system chose at random.
static KEYS: LazyLock<[RandomState; 2]> =
    LazyLock::new(|| [RandomState::new(), RandomState::new()]);
static DRAWN: AtomicU64 = AtomicU64::new(0);

/// An id of a span: a counter, hashed under a random key, because a system call for each span would cost more. Not 0.
pub(super) fn span() -> u64 {
    KEYS[0].hash_one(DRAWN.fetch_add(1, Ordering::Relaxed)).max(1)
}

/// An id of a trace. Not 0.
pub(super) fn trace() -> u128 {
    let drawn = DRAWN.fetch_add(1, Ordering::Relaxed);
    let [first, second] = &*KEYS;
    (u128::from(first.hash_one(drawn)) << 64 | u128::from(second.hash_one(drawn))).max(1)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_id_comes_twice() {
        let spans: HashSet<u64> = (0..10_000).map(|_| span()).collect();
        let traces: HashSet<u128> = (0..10_000).map(|_| trace()).collect();
        assert_eq!((spans.len(), traces.len()), (10_000, 10_000));
    }
}
