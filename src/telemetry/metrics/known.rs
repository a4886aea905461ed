//! Handles of the metrics that every request records, by the values of their labels.
//!
//! The recorder copies and hashes the name and all labels to find a metric, which costs more than to record it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{LazyLock, PoisonError, RwLock};

/// Handles that were found before. A key has as few values as the labels that it stands for.
pub(super) struct Known<K, H>(LazyLock<RwLock<HashMap<K, H>>>);

impl<K: Eq + Hash, H> Known<K, H> {
    pub(super) const fn new() -> Self {
        Self(LazyLock::new(RwLock::default))
    }

    /// Records with the handle under `key`. If there is none yet, `find` asks the recorder for it.
    pub(super) fn record(&self, key: K, find: impl FnOnce() -> H, record: impl FnOnce(&H)) {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = known.get(&key) {
            return record(handle);
        }
        drop(known);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        record(known.entry(key).or_insert_with(find));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn a_handle_is_found_once_and_kept_under_its_key() {
        static HANDLES: Known<(&str, bool), AtomicU32> = Known::new();
        let found = AtomicU32::new(0);
        for (name, hit) in [("a", true), ("a", false), ("a", true), ("b", true), ("a", true)] {
            let find = || {
                found.fetch_add(1, Ordering::Relaxed);
                AtomicU32::new(0)
            };
            HANDLES.record((name, hit), find, |handle| {
                handle.fetch_add(1, Ordering::Relaxed);
            });
        }
        assert_eq!(found.load(Ordering::Relaxed), 3);
        let check = |handle: &AtomicU32| assert_eq!(handle.load(Ordering::Relaxed), 3);
        HANDLES.record(("a", true), || panic!("it is known"), check);
    }
}
