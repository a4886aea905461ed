//! Which blobs are being looked at, so that a blob that many clients cannot read is looked at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::ipld::Cid;

/// Looks that read bytes at the same time.
const AT_ONCE: usize = 2;

/// Most blobs that are being looked at or rest. Further ones are looked at when they fail again.
const KNOWN: usize = 1000;

/// Time after a look in which its blob is not looked at again.
const REST: Duration = Duration::from_secs(10);

/// The blobs that are being looked at, and those that were a moment ago. Cheap to clone.
#[derive(Clone)]
pub(in crate::registry) struct Suspicion(Arc<Looks>);

struct Looks {
    /// `None` while a look is under way, else when the next one may begin.
    rest: Mutex<HashMap<Cid, Option<Instant>>>,
    seats: Semaphore,
}

/// A blob that is being looked at. Dropping it ends the look.
pub(super) struct Look {
    looks: Arc<Looks>,
    cid: Cid,
}

impl Default for Suspicion {
    fn default() -> Self {
        let seats = Semaphore::new(AT_ONCE);
        Self(Arc::new(Looks { rest: Mutex::default(), seats }))
    }
}

impl Suspicion {
    /// Begins to look at a blob. `None` if somebody does already, or has a moment ago.
    pub(super) fn begin(&self, cid: &Cid) -> Option<Look> {
        let mut rest = self.0.rest();
        if rest.len() >= KNOWN || rest.contains_key(cid) {
            let now = Instant::now();
            rest.retain(|_, until| until.is_none_or(|until| until > now));
        }
        if rest.len() >= KNOWN || rest.contains_key(cid) {
            return None;
        }
        rest.insert(*cid, None);
        Some(Look { looks: Arc::clone(&self.0), cid: *cid })
    }
}

impl Looks {
    fn rest(&self) -> MutexGuard<'_, HashMap<Cid, Option<Instant>>> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Look {
    /// Waits until few enough others read bytes. `None` never comes, because nobody closes the semaphore.
    pub(super) async fn seat(&self) -> Option<SemaphorePermit<'_>> {
        self.looks.seats.acquire().await.ok()
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        self.looks.rest().insert(self.cid, Some(Instant::now() + REST));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipld::Codec;

    fn cid(n: usize) -> Cid {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&n.to_be_bytes());
        Cid::new(Codec::Raw, hash)
    }

    #[tokio::test(start_paused = true)]
    async fn a_blob_is_looked_at_once_and_then_rests() {
        let suspicion = Suspicion::default();
        let look = suspicion.begin(&cid(1)).unwrap();
        assert!(suspicion.begin(&cid(1)).is_none());
        tokio::time::advance(REST * 2).await;
        assert!(suspicion.begin(&cid(1)).is_none(), "the look is still under way");
        drop(look);
        assert!(suspicion.begin(&cid(1)).is_none());
        tokio::time::advance(REST * 2).await;
        assert!(suspicion.begin(&cid(1)).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn two_looks_read_at_once() {
        let suspicion = Suspicion::default();
        let looks: Vec<_> = (0..3).map(|n| suspicion.begin(&cid(n)).unwrap()).collect();
        let first = looks[0].seat().await;
        let _second = looks[1].seat().await;
        let third = looks[2].seat();
        assert!(tokio::time::timeout(REST, third).await.is_err());
        drop(first);
        assert!(looks[2].seat().await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_remembered_is_bounded() {
        let suspicion = Suspicion::default();
        for n in 0..KNOWN {
            drop(suspicion.begin(&cid(n)).unwrap());
        }
        assert!(suspicion.begin(&cid(KNOWN)).is_none());
        tokio::time::advance(REST * 2).await;
        assert!(suspicion.begin(&cid(KNOWN)).is_some());
        assert_eq!(suspicion.0.rest().len(), 1);
    }
}
