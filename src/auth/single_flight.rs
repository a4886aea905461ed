//! One answer for all callers who ask for the same thing at the same time.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

/// An answer that callers wait for.
type Answer<T> = Arc<OnceCell<T>>;

/// The answers that callers wait for, by what they ask.
pub(super) struct SingleFlight<K: Eq + Hash, T>(Mutex<HashMap<K, Answer<T>>>);

impl<K: Clone + Eq + Hash, T: Clone> SingleFlight<K, T> {
    /// The answer for `key`. Runs `find` for it, unless another caller's is running: then it waits for that.
    pub(super) async fn run(&self, key: K, find: impl Future<Output = T>) -> T {
        let answer = Arc::clone(self.answers().entry(key.clone()).or_default());
        let waiting = Waiting { flight: self, key, answer };
        waiting.answer.get_or_init(|| find).await.clone()
    }
}

impl<K: Eq + Hash, T> SingleFlight<K, T> {
    fn answers(&self) -> MutexGuard<'_, HashMap<K, Answer<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash, T> Default for SingleFlight<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

/// A caller who waits for an answer.
struct Waiting<'a, K: Eq + Hash, T> {
    flight: &'a SingleFlight<K, T>,
    key: K,
    answer: Answer<T>,
}

impl<K: Eq + Hash, T> Drop for Waiting<'_, K, T> {
    fn drop(&mut self) {
        let mut answers = self.flight.answers();
        // The map holds one reference, and the lock keeps others from joining: no one else waits.
        if Arc::strong_count(&self.answer) <= 2 {
            answers.remove(&self.key);
        }
    }
}
