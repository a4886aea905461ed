//! What this instance knows of the collection of garbage that is under way.
//!
//! While blocks are removed, nothing new is stored in Kubo: a block that no row names yet would be removed as well. An
//! instance looks once a second, so it may miss the beginning. Then the row of what it stored is not written, because
//! another epoch has begun (`store/uploads/collection.rs`).

use std::time::Duration;

use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep};

use super::RegistryError;
use super::collector::Collector;
use crate::store::{Epoch, Look, Store, StoreError};

/// Time between two looks.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Age from which on a look is repeated before something is stored.
const STALE: Duration = Duration::from_millis(1500);

/// How long a request waits for the end of a collection.
const WAIT: Duration = Duration::from_secs(25);

/// Pause between two looks of a request that waits.
const PAUSE: Duration = Duration::from_millis(250);

/// The last look, which all requests share.
pub(super) struct Collecting {
    /// `None` where no registry removes blocks.
    store: Option<Store>,
    seen: watch::Sender<Option<(Instant, Look)>>,
    /// One request looks at a time.
    looking: Mutex<()>,
}

impl Collecting {
    pub(super) fn new(store: &Store, collector: Collector) -> Self {
        let store = (collector == Collector::Registry).then(|| store.clone());
        Self { store, seen: watch::Sender::new(None), looking: Mutex::default() }
    }

    /// Waits until blocks may be stored, and returns the epoch to which they belong.
    ///
    /// # Errors
    /// [`RegistryError::Collecting`] when the collection takes too long.
    pub(super) async fn enter(&self) -> Result<Epoch, RegistryError> {
        let Some(store) = &self.store else { return Ok(Epoch::NONE) };
        let began = Instant::now();
        loop {
            let look = self.look_if_older(store, STALE).await?;
            if !look.closed {
                return Ok(look.epoch);
            }
            if began.elapsed() > WAIT {
                return Err(RegistryError::Collecting);
            }
            sleep(PAUSE).await;
            self.look_if_older(store, PAUSE).await?;
        }
    }

    /// Waits until nothing new may be stored.
    pub(super) async fn closed(&self) {
        let mut seen = self.seen.subscribe();
        let closed = |seen: &Option<(Instant, Look)>| seen.is_some_and(|(_, look)| look.closed);
        // The sender lives as long as `self`.
        let _ = seen.wait_for(closed).await;
    }

    /// Looks, whatever is known already.
    pub(super) async fn look(&self) -> Result<(), StoreError> {
        match &self.store {
            Some(store) => self.look_if_older(store, Duration::ZERO).await.map(drop),
            None => Ok(()),
        }
    }

    async fn look_if_older(&self, store: &Store, age: Duration) -> Result<Look, StoreError> {
        let known = || self.seen.borrow().filter(|(at, _)| at.elapsed() < age);
        if let Some((_, look)) = known() {
            return Ok(look);
        }
        let _turn = self.looking.lock().await;
        if let Some((_, look)) = known() {
            return Ok(look);
        }
        // The answer may be older than its arrival, never than the question.
        let asked = Instant::now();
        let look = store.collections().look().await?;
        self.seen.send_replace(Some((asked, look)));
        Ok(look)
    }
}
