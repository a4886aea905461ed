//! When accounts were last used. No request waits for it: a task writes it, at most once an hour for an account.

use std::sync::Arc;
use std::time::{Duration, Instant};

use quick_cache::sync::Cache;
use tokio::sync::Semaphore;
use tracing::debug;

use crate::store::{Account, Store};

/// Time between two notes of the use of one account.
const PRECISION: Duration = Duration::from_secs(3600);

/// Most accounts of which this process remembers that it has noted their use.
const REMEMBERED: usize = 10_000;

/// Most notes that are written at the same time. Beyond that a use is not noted; the next one may be.
const AT_ONCE: usize = 2;

/// Notes the use of accounts. Cheap to clone.
#[derive(Clone)]
pub(super) struct LastUse(Arc<Parts>);

struct Parts {
    store: Store,
    noted: Cache<i64, Instant>,
    writing: Arc<Semaphore>,
}

impl LastUse {
    pub(super) fn new(store: Store) -> Self {
        let writing = Arc::new(Semaphore::new(AT_ONCE));
        Self(Arc::new(Parts { store, noted: Cache::new(REMEMBERED), writing }))
    }

    /// Notes that `account` was used now. Returns at once.
    pub(super) fn note(&self, account: &Account) {
        let id = account.id;
        if self.0.noted.get(&id).is_some_and(|at| at.elapsed() < PRECISION) {
            return;
        }
        let Ok(turn) = Arc::clone(&self.0.writing).try_acquire_owned() else { return };
        self.0.noted.insert(id, Instant::now());
        let parts = Arc::clone(&self.0);
        tokio::spawn(async move {
            if let Err(error) = parts.store.accounts().note_use(id, PRECISION).await {
                debug!(event = "use_not_noted", %error);
                parts.noted.remove(&id);
            }
            drop(turn);
        });
    }
}
