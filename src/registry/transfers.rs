//! The slots for transfers that move bytes: how many there are, who gets the next one, and when a slow holder gives its
//! slot up.
//!
//! A slot is never held at a client's pace while somebody waits for one. An upload asks [`Slot::wanted`] while it waits for
//! its client, and gives the slot back when that returns. A pull whose client takes nothing loses its slot
//! (`blob/pulls.rs`).

use std::collections::{BTreeMap, HashMap};
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};

use crate::telemetry::metrics::{self, Queue, Raised};

/// How long a client may move nothing before its transfer gives its slot to one that waits.
pub(super) const IDLE: Duration = Duration::from_millis(250);

/// How long every upload may keep its slot.
const SLICE: Duration = Duration::from_secs(1);

/// Bytes for which an upload may keep its slot for one more [`SLICE`]. So an upload that moves them in each slice keeps
/// its slot as long as it likes.
const SLICE_BYTES: u64 = 1 << 20;

/// The slots of one registry.
pub(super) struct Transfers(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    queue: Queue,
    /// Number of transfers that wait for a slot.
    waiting: watch::Sender<usize>,
}

struct State {
    free: usize,
    /// The most that one account may hold.
    most: usize,
    /// Holders that are about to give their slots back because others wait.
    conceded: usize,
    next_ticket: u64,
    accounts: HashMap<String, Account>,
}

/// The slots that one account holds, and its transfers that wait for one.
#[derive(Default)]
struct Account {
    held: usize,
    queue: BTreeMap<u64, oneshot::Sender<Slot>>,
}

/// The right of one transfer to move bytes. Dropping it gives it to the next one that waits.
pub(super) struct Slot {
    shared: Arc<Shared>,
    subject: String,
    taken: Instant,
    /// When the last bytes of the client came.
    fed: Instant,
    moved: u64,
    conceded: bool,
}

/// A place in the queue, which is left when the value is dropped.
struct Queued<'t> {
    shared: &'t Shared,
    subject: &'t str,
    ticket: u64,
    _counted: Raised,
}

impl Transfers {
    /// So many slots, of which one account may hold at most `most`. `queue` is the name of the queue for them in metrics.
    pub(super) fn new(slots: usize, most: usize, queue: Queue) -> Self {
        let state =
            State { free: slots, most, conceded: 0, next_ticket: 0, accounts: HashMap::new() };
        Self(Arc::new(Shared { state: Mutex::new(state), queue, waiting: watch::Sender::new(0) }))
    }

    /// Number of transfers that wait for a slot.
    pub(super) fn waiting(&self) -> usize {
        *self.0.waiting.borrow()
    }

    /// Whether a transfer holds a slot.
    pub(super) fn are_used(&self) -> bool {
        self.0.state().accounts.values().any(|account| account.held > 0)
    }

    /// Takes a slot for a transfer of the account `subject`. Waits at most `longest`, and returns `None` after that.
    ///
    /// A slot that becomes free goes to the account that holds the fewest, and within an account to the transfer that has
    /// waited longest.
    pub(super) async fn take(&self, subject: &str, longest: Duration) -> Option<Slot> {
        let (queued, slot) = match self.0.take_or_queue(subject) {
            Ok(slot) => return Some(slot),
            Err(queued) => queued,
        };
        let slot = timeout(longest, slot).await;
        drop(queued);
        slot.ok()?.ok()
    }
}

impl Shared {
    fn take_or_queue<'t>(
        self: &'t Arc<Self>,
        subject: &'t str,
    ) -> Result<Slot, (Queued<'t>, oneshot::Receiver<Slot>)> {
        let state = &mut *self.state();
        let account = state.accounts.entry(subject.to_owned()).or_default();
        if state.free > 0 && account.held < state.most {
            account.held += 1;
            state.free -= 1;
            return Ok(Slot::new(Arc::clone(self), subject.to_owned()));
        }
        let (sender, slot) = oneshot::channel();
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        account.queue.insert(ticket, sender);
        self.waiting.send_modify(|waiting| *waiting += 1);
        let _counted = metrics::queued(self.queue);
        Err((Queued { shared: self, subject, ticket, _counted }, slot))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a slot back from `subject`, and takes the transfer that gets it out of the queue.
    fn take_back(&self, subject: &str, conceded: bool) -> Option<(String, oneshot::Sender<Slot>)> {
        let mut state = self.state();
        if conceded {
            state.conceded -= 1;
        }
        if let Some(account) = state.accounts.get_mut(subject) {
            account.held -= 1;
        }
        state.forget_if_unused(subject);
        let Some(next) = state.next() else {
            state.free += 1;
            return None;
        };
        self.waiting.send_modify(|waiting| *waiting -= 1);
        Some(next)
    }

    /// Notes that a holder gives its slot up, unless enough others do.
    fn concede(&self) -> bool {
        let mut state = self.state();
        let enough = state.conceded >= *self.waiting.borrow();
        state.conceded += usize::from(!enough);
        !enough
    }
}

impl State {
    /// The transfer that gets the next free slot. The slot counts as its account's from here on.
    fn next(&mut self) -> Option<(String, oneshot::Sender<Slot>)> {
        let below = self.accounts.iter().filter(|(_, account)| account.held < self.most);
        let waiting = below.filter_map(|(subject, account)| {
            let (ticket, _) = account.queue.first_key_value()?;
            Some((account.held, *ticket, subject))
        });
        let subject = waiting.min()?.2.clone();
        let account = self.accounts.get_mut(&subject)?;
        let (_, sender) = account.queue.pop_first()?;
        account.held += 1;
        Some((subject, sender))
    }

    fn forget_if_unused(&mut self, subject: &str) {
        let unused = |account: &Account| account.held == 0 && account.queue.is_empty();
        if self.accounts.get(subject).is_some_and(unused) {
            self.accounts.remove(subject);
        }
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        let state = &mut *self.shared.state();
        let account = state.accounts.get_mut(self.subject);
        // The entry is gone when the upload got its slot.
        if account.and_then(|account| account.queue.remove(&self.ticket)).is_some() {
            self.shared.waiting.send_modify(|waiting| *waiting -= 1);
            state.forget_if_unused(self.subject);
        }
    }
}

impl Slot {
    fn new(shared: Arc<Shared>, subject: String) -> Self {
        let now = Instant::now();
        Self { shared, subject, taken: now, fed: now, moved: 0, conceded: false }
    }

    /// Notes that the client has sent bytes.
    pub(super) fn fed(&mut self, bytes: usize) {
        self.fed = Instant::now();
        self.moved += bytes as u64;
    }

    /// Returns when another upload waits for this slot and the client of this one is slow: it has sent nothing for
    /// [`IDLE`], or less than [`SLICE_BYTES`] in each [`SLICE`]. Then drop the slot.
    pub(super) async fn wanted(&mut self) {
        let mut waiting = self.shared.waiting.subscribe();
        loop {
            if waiting.wait_for(|waiting| *waiting > 0).await.is_err() {
                pending::<()>().await;
            }
            sleep_until(self.patience()).await;
            if self.shared.concede() {
                self.conceded = true;
                return;
            }
            // Enough others give way. The number changes when they have.
            if waiting.changed().await.is_err() {
                pending::<()>().await;
            }
        }
    }

    /// Whether an upload of an account with fewer slots waits. After a slot changes hands, that account still holds no
    /// more than this one.
    pub(super) fn unfair(&self) -> bool {
        let state = self.shared.state();
        let own = state.accounts.get(&self.subject).map_or(0, |account| account.held);
        state.accounts.values().any(|account| !account.queue.is_empty() && account.held + 1 < own)
    }

    /// Until when the upload may keep its slot if its client sends nothing more.
    fn patience(&self) -> Instant {
        let slices = u32::try_from(1 + self.moved / SLICE_BYTES).unwrap_or(u32::MAX);
        (self.fed + IDLE).min(self.taken + SLICE.saturating_mul(slices))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some((subject, sender)) = self.shared.take_back(&self.subject, self.conceded) {
            // If that transfer has stopped waiting, the slot comes back and is dropped, which passes it on.
            drop(sender.send(Self::new(Arc::clone(&self.shared), subject)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(1000);

    /// The output of a future that does not have to wait.
    async fn now<T>(future: impl Future<Output = T>) -> Option<T> {
        timeout(Duration::ZERO, future).await.ok()
    }

    fn slots(number: usize) -> Transfers {
        Transfers::new(number, number, Queue::UploadSlots)
    }

    #[tokio::test(start_paused = true)]
    async fn an_account_at_its_limit_waits_for_its_own_slots() {
        let slots = Transfers::new(3, 2, Queue::PullSlots);
        let mut held = Vec::new();
        for _ in 0..2 {
            held.push(slots.take("many", LONG).await.unwrap());
        }
        let mut third = Box::pin(slots.take("many", LONG));
        assert!(now(third.as_mut()).await.is_none());
        let other = slots.take("one", LONG).await.unwrap();
        drop(other);
        assert!(now(third.as_mut()).await.is_none(), "a free slot is not for it");
        held.pop();
        assert!(now(third.as_mut()).await.flatten().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_free_slot_goes_to_the_account_with_the_fewest() {
        let slots = slots(3);
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(slots.take("many", LONG).await.unwrap());
        }
        let mut third = Box::pin(slots.take("many", LONG));
        assert!(now(third.as_mut()).await.is_none());
        let mut one = Box::pin(slots.take("one", LONG));
        assert!(now(one.as_mut()).await.is_none());
        assert!(held[0].unfair());
        held.pop();
        assert!(now(third.as_mut()).await.is_none());
        let one = now(one.as_mut()).await.flatten().unwrap();
        assert!(!held[0].unfair());
        drop(one);
        assert!(now(third.as_mut()).await.flatten().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn an_upload_that_stops_waiting_gets_nothing() {
        let slots = slots(1);
        let slot = slots.take("a", LONG).await.unwrap();
        let mut early = Box::pin(slots.take("b", LONG));
        assert!(now(early.as_mut()).await.is_none());
        assert!(slots.take("c", SLICE).await.is_none());
        // The slot is sent to `early`, which goes away without looking.
        drop(slot);
        drop(early);
        assert!(now(slots.take("d", LONG)).await.flatten().is_some());
        assert_eq!(*slots.0.waiting.borrow(), 0);
        assert!(slots.0.state().accounts.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn one_slow_holder_gives_way_for_each_that_waits() {
        let slots = slots(2);
        let mut slow = slots.take("a", LONG).await.unwrap();
        let mut other = slots.take("a", LONG).await.unwrap();
        assert!(timeout(LONG, slow.wanted()).await.is_err(), "nobody waits");
        let mut waiting = Box::pin(slots.take("b", LONG));
        assert!(now(waiting.as_mut()).await.is_none());
        slow.wanted().await;
        assert!(timeout(LONG, other.wanted()).await.is_err(), "one slot is enough for one upload");
        drop(slow);
        let _taken = now(waiting.as_mut()).await.flatten().unwrap();
        let mut second = Box::pin(slots.take("b", LONG));
        assert!(now(second.as_mut()).await.is_none());
        other.wanted().await;
        assert!(now(second.as_mut()).await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_fast_upload_keeps_its_slot_and_a_trickle_does_not() {
        let slots = slots(1);
        let mut slot = slots.take("a", LONG).await.unwrap();
        let mut waiting = Box::pin(slots.take("b", LONG));
        assert!(now(waiting.as_mut()).await.is_none());
        for _ in 0..100 {
            let kept = timeout(IDLE / 2, slot.wanted()).await;
            assert!(kept.is_err(), "it moves more than a slice in each");
            slot.fed(1 << 20);
        }
        drop(slot);
        let mut slot = now(waiting.as_mut()).await.flatten().unwrap();
        let mut waiting = Box::pin(slots.take("b", LONG));
        assert!(now(waiting.as_mut()).await.is_none());
        let mut kept = 0;
        while timeout(IDLE / 2, slot.wanted()).await.is_err() {
            slot.fed(1);
            kept += 1;
        }
        assert!((1..=8).contains(&kept), "{kept}");
    }
}
