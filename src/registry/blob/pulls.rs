//! The pulls that move bytes, each in a slot.
//!
//! A pull holds a slot from before its answer begins until its last byte is taken. While others wait for one, a pull whose
//! client takes nothing loses its slot: it goes on when its client does, without one. So slow clients hold nobody up, and
//! their number is bounded by that of connections.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::config::Network;
use crate::registry::RegistryError;
use crate::registry::transfers::{IDLE, Slot, Transfers};
use crate::telemetry::metrics::{self, Queue, Raised, Refusal};

/// How long a pull waits for a slot before its request is refused.
const WAIT: Duration = Duration::from_secs(30);

/// Who pulls, as far as the number of pulls at once is concerned.
#[derive(Clone, Debug)]
pub enum Puller {
    /// The account that has logged in.
    Account(String),
    /// The address of a caller that has not.
    Address(Network),
}

impl fmt::Display for Puller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(name) => f.write_str(name),
            Self::Address(network) => network.fmt(f),
        }
    }
}

/// The slots for pulls of one registry, and who holds them. Cheap to clone.
#[derive(Clone)]
pub(in crate::registry) struct Pulls(Arc<Shared>);

struct Shared {
    transfers: Transfers,
    began: Instant,
    holders: Mutex<Holders>,
}

#[derive(Default)]
struct Holders {
    slots: HashMap<u64, Holder>,
    next: u64,
    /// When somebody last looked for idle ones, in milliseconds since the start.
    looked: u64,
}

struct Holder {
    _slot: Slot,
    since: Arc<AtomicU64>,
}

/// The value of a pull that does not wait for its client.
const NEVER: u64 = u64::MAX;

/// A pull that is under way. Dropping it gives its slot to the next one.
pub(super) struct Pulling {
    shared: Arc<Shared>,
    id: u64,
    /// Since when its client takes nothing, in milliseconds since the start. [`NEVER`] while the bytes are waited for.
    since: Arc<AtomicU64>,
    _counted: Raised,
}

impl Pulls {
    /// So many slots, of which one client may hold at most `most`.
    pub(in crate::registry) fn new(slots: usize, most: usize) -> Self {
        let transfers = Transfers::new(slots, most, Queue::PullSlots);
        Self(Arc::new(Shared { transfers, began: Instant::now(), holders: Mutex::default() }))
    }

    /// Takes a slot for a pull of `client`: an account, or an address that has not logged in.
    ///
    /// # Errors
    /// [`RegistryError::Overloaded`] when none becomes free in time.
    pub(super) async fn begin(&self, client: &str) -> Result<Pulling, RegistryError> {
        let mut taking = Box::pin(self.0.transfers.take(client, WAIT));
        loop {
            match timeout(IDLE, taking.as_mut()).await {
                Ok(Some(slot)) => return Ok(self.0.hold(slot)),
                Ok(None) => {
                    metrics::refused(Refusal::Pulls);
                    return Err(RegistryError::Overloaded);
                }
                Err(_) => self.0.revoke_idle(),
            }
        }
    }
}

impl Shared {
    fn holders(&self) -> MutexGuard<'_, Holders> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn hold(self: &Arc<Self>, slot: Slot) -> Pulling {
        let since = Arc::new(AtomicU64::new(NEVER));
        let holders = &mut *self.holders();
        let id = holders.next;
        holders.next += 1;
        holders.slots.insert(id, Holder { _slot: slot, since: Arc::clone(&since) });
        Pulling { shared: Arc::clone(self), id, since, _counted: metrics::pull_open() }
    }

    /// Takes slots from the pulls whose clients have taken nothing for the longest time, one for each that waits. However
    /// many wait, one of them looks in each [`IDLE`]. A pull that waits for Kubo keeps its slot: a slow Kubo must not let
    /// more pulls in.
    fn revoke_idle(&self) {
        let (now, idle) = (self.now(), IDLE.as_millis() as u64);
        let revoked: Vec<Holder> = {
            let holders = &mut *self.holders();
            if now < holders.looked + idle / 2 {
                return;
            }
            holders.looked = now;
            let since = |holder: &Holder| holder.since.load(Ordering::Relaxed);
            let mut found: Vec<_> = holders.slots.iter().map(|(id, h)| (since(h), *id)).collect();
            found.retain(|(since, _)| since.saturating_add(idle) <= now);
            found.sort_unstable();
            found.truncate(self.transfers.waiting());
            found.iter().filter_map(|(_, id)| holders.slots.remove(id)).collect()
        };
        // Slots that come back are handed on at once, so nothing may be locked here.
        drop(revoked);
    }
}

impl Pulling {
    /// Notes that the client asks for more bytes.
    pub(super) fn asked(&self) {
        self.since.store(NEVER, Ordering::Relaxed);
    }

    /// Notes that the client has bytes to take.
    pub(super) fn offered(&self) {
        self.since.store(self.shared.now(), Ordering::Relaxed);
    }
}

impl Drop for Pulling {
    fn drop(&mut self) {
        let holder = self.shared.holders().slots.remove(&self.id);
        drop(holder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The output of a future that does not have to wait.
    async fn now<T>(future: impl Future<Output = T>) -> Option<T> {
        timeout(Duration::ZERO, future).await.ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_pull_whose_client_takes_nothing_gives_way() {
        let pulls = Pulls::new(2, 2);
        let idle = pulls.begin("a").await.unwrap();
        let busy = pulls.begin("a").await.unwrap();
        idle.offered();
        busy.offered();
        let mut third = Box::pin(pulls.begin("b"));
        assert!(now(third.as_mut()).await.is_none());
        tokio::time::advance(IDLE - Duration::from_millis(1)).await;
        busy.asked();
        let third = third.await.unwrap();
        assert_eq!(pulls.0.holders().slots.len(), 2);
        assert!(pulls.0.holders().slots.contains_key(&busy.id));
        // It goes on without a slot, and gives back none that it has not.
        idle.asked();
        drop(idle);
        assert_eq!(pulls.0.holders().slots.len(), 2);
        drop((busy, third));
        assert!(!pulls.0.transfers.are_used());
    }

    #[tokio::test(start_paused = true)]
    async fn a_pull_that_waits_for_its_bytes_keeps_its_slot() {
        let pulls = Pulls::new(1, 1);
        let pulling = pulls.begin("a").await.unwrap();
        pulling.offered();
        pulling.asked();
        let began = Instant::now();
        assert!(matches!(pulls.begin("b").await, Err(RegistryError::Overloaded)));
        assert_eq!(began.elapsed(), WAIT);
        drop(pulling);
        assert!(now(pulls.begin("b")).await.is_some());
    }
}
