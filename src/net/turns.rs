//! Turns of the connections that move many bytes, so that hundreds of them do not keep small requests waiting.
//!
//! A worker polls its tasks one after the other. A connection that moves bytes takes up to half a millisecond each time, and
//! is ready again at once. With 500 such connections a small request would wait for all of them. So a connection that moved
//! many bytes the last time needs a turn before it is polled again. It waits for it outside of the workers' queues, in which
//! only a few such connections stand then. A turn lasts for one poll, so no client can hold it.

use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};
use std::thread::available_parallelism;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::PollSemaphore;

use super::activity::Activity;

/// Bytes in one poll from which on a connection needs a turn for the next one.
const MANY: u64 = 128 << 10;

/// Turns for each worker: the one that it gives, and one that is ready when it has.
const EACH: usize = 2;

static TURNS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| {
    let workers = available_parallelism().map_or(1, usize::from);
    Arc::new(Semaphore::new(workers * EACH))
});

/// The turns of one connection.
pub(super) struct Turns {
    semaphore: PollSemaphore,
    needed: bool,
    moved: u64,
}

/// The right to poll a connection now.
pub(super) struct Turn(
    #[expect(dead_code, reason = "dropping it ends the turn")] Option<OwnedSemaphorePermit>,
);

impl Turns {
    pub(super) fn new() -> Self {
        Self { semaphore: PollSemaphore::new(Arc::clone(&TURNS)), needed: false, moved: 0 }
    }

    /// Waits for a turn, if the last poll moved many bytes.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Turn> {
        if !self.needed {
            return Poll::Ready(Turn(None));
        }
        // The semaphore is never closed.
        self.semaphore.poll_acquire(cx).map(Turn)
    }

    /// Notes what a poll has moved.
    pub(super) fn polled(&mut self, activity: &Activity) {
        let moved = activity.moved();
        self.needed = moved.wrapping_sub(self.moved) >= MANY;
        self.moved = moved;
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[tokio::test]
    async fn only_who_moved_many_bytes_waits_for_a_turn() {
        let mut cx = Context::from_waker(Waker::noop());
        let (small, large) = (Activity::of_one(0), Activity::of_one(0));
        let (mut few, mut many) = (Turns::new(), Turns::new());
        let taken = TURNS.acquire_many(TURNS.available_permits() as u32).await.unwrap();
        for bytes in [0, 1, MANY as usize - 1] {
            small.wrote(bytes);
            few.polled(&small);
            assert!(few.poll(&mut cx).is_ready());
        }
        assert!(many.poll(&mut cx).is_ready());
        large.read(MANY as usize);
        many.polled(&large);
        assert!(many.poll(&mut cx).is_pending());
        assert!(few.poll(&mut cx).is_ready(), "it overtakes those that wait");
        drop(taken);
        let turn = many.poll(&mut cx);
        assert!(turn.is_ready());
        many.polled(&large);
        assert!(many.poll(&mut cx).is_ready());
    }
}
