//! Turns: requests of this process write to one upload one after the other. Between instances, the length of the upload
//! decides (see `upload/record_part`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use uuid::Uuid;

/// The uploads that requests of this process write to or wait for.
#[derive(Clone, Default)]
pub(in crate::registry) struct Turns(Arc<Mutex<HashMap<Uuid, Arc<AsyncMutex<()>>>>>);

/// The right to write to one upload. The next request gets it when this value is dropped.
pub(super) struct Turn {
    turns: Turns,
    id: Uuid,
    /// `None` while the request waits.
    held: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    /// Waits until no other request writes to the upload.
    pub(super) async fn wait(&self, id: Uuid) -> Turn {
        let (mut turn, lock) = self.queue(id);
        turn.held = Some(lock.lock_owned().await);
        turn
    }

    /// Takes the turn if no other request writes to the upload.
    pub(super) fn take(&self, id: Uuid) -> Option<Turn> {
        let (mut turn, lock) = self.queue(id);
        turn.held = Some(lock.try_lock_owned().ok()?);
        Some(turn)
    }

    fn queue(&self, id: Uuid) -> (Turn, Arc<AsyncMutex<()>>) {
        let lock = Arc::clone(self.uploads().entry(id).or_default());
        (Turn { turns: self.clone(), id, held: None }, lock)
    }

    fn uploads(&self) -> MutexGuard<'_, HashMap<Uuid, Arc<AsyncMutex<()>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.held = None;
        let mut uploads = self.turns.uploads();
        // Nobody else holds the lock or waits for it, and nobody can begin to while the map is locked.
        if uploads.get(&self.id).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            uploads.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_request_writes_at_a_time_and_nothing_is_left_behind() {
        let (turns, id) = (Turns::default(), Uuid::new_v4());
        let first = turns.take(id).unwrap();
        assert!(turns.take(id).is_none());
        assert!(turns.take(Uuid::new_v4()).is_some());
        assert!(timeout(Duration::from_secs(9), turns.wait(id)).await.is_err());
        let mut second = Box::pin(turns.wait(id));
        assert!(timeout(Duration::ZERO, second.as_mut()).await.is_err());
        drop(first);
        // The next in the queue has the turn even before it looks.
        assert!(turns.take(id).is_none());
        drop(second.await);
        assert!(turns.uploads().is_empty());
    }
}
