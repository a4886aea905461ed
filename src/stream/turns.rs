//! Turns of the tasks that move or hash many bytes, so that hundreds of them do not keep small requests waiting.
//!
//! A worker thread polls its tasks one after the other. A task that moves bytes takes up to half a millisecond each time, and
//! is ready again at once. With 500 such tasks a small request would wait for all of them. So a task that worked long the
//! last time needs a turn before it works again, and waits for it outside of the workers' queues. Only the tasks that have
//! a turn stand in those queues, and they are few. A turn ends with the next poll, so no client can hold it.

use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::PollSemaphore;

/// A poll that takes this time has worked long: it hashes 100 KiB, or copies half a MiB.
const LONG: Duration = Duration::from_micros(50);

/// As many turns as workers, so that each of them has work, and a small request waits for one poll of a few hundred
/// microseconds each time.
static TURNS: LazyLock<Arc<Semaphore>> =
    LazyLock::new(|| Arc::new(Semaphore::new(available_parallelism().map_or(1, usize::from))));

/// The turns of one task.
#[derive(Debug)]
pub struct Turns {
    semaphore: PollSemaphore,
    needed: bool,
    waited: bool,
    /// The next turn. Until it is used, the task stands behind those that were ready before it.
    next: Option<OwnedSemaphorePermit>,
}

/// The right to work now. Dropping it ends the turn.
#[derive(Debug)]
pub struct Turn(
    #[expect(dead_code, reason = "dropping it ends the turn")] Option<OwnedSemaphorePermit>,
);

impl Default for Turns {
    /// The first turn is not needed: nobody knows yet whether the task works long.
    fn default() -> Self {
        let semaphore = PollSemaphore::new(Arc::clone(&TURNS));
        Self { semaphore, needed: false, waited: false, next: None }
    }
}

impl Turns {
    /// Waits for a turn, if one is needed.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Turn> {
        if !self.needed {
            return Poll::Ready(Turn(None));
        }
        if let Some(turn) = self.next.take() {
            return Poll::Ready(Turn(Some(turn)));
        }
        let Poll::Ready(turn) = self.semaphore.poll_acquire(cx) else {
            self.waited = true;
            return Poll::Pending;
        };
        // Who has waited was woken, and has stood in the queue of a worker. The semaphore is never closed.
        if std::mem::take(&mut self.waited) {
            return Poll::Ready(Turn(turn));
        }
        self.next = turn;
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Notes whether the task has worked long, so that it needs a turn to go on.
    pub fn worked(&mut self, long: bool) {
        self.needed = long;
    }
}

pin_project! {
    /// A task that takes turns when it works long.
    #[derive(Debug)]
    pub struct InTurns<F> {
        #[pin]
        task: F,
        turns: Turns,
    }
}

impl<F> InTurns<F> {
    /// Makes `task` take turns.
    pub fn new(task: F) -> Self {
        Self { task, turns: Turns::default() }
    }
}

impl<F: Future> Future for InTurns<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let Poll::Ready(_turn) = this.turns.poll(cx) else { return Poll::Pending };
        let began = Instant::now();
        let polled = this.task.poll(cx);
        this.turns.worked(began.elapsed() >= LONG);
        polled
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Mutex;
    use std::task::Waker;
    use std::thread::sleep;

    use tokio::task::JoinSet;

    use super::*;

    #[tokio::test]
    async fn only_who_worked_long_waits_for_a_turn() {
        let mut cx = Context::from_waker(Waker::noop());
        let (mut short, mut long) = (Turns::default(), Turns::default());
        let taken = TURNS.acquire_many(TURNS.available_permits() as u32).await.unwrap();
        assert!(long.poll(&mut cx).is_ready(), "nobody knows yet how long it works");
        long.worked(true);
        short.worked(false);
        assert!(long.poll(&mut cx).is_pending());
        assert!(short.poll(&mut cx).is_ready(), "it overtakes those that wait");
        drop(taken);
        assert!(long.poll(&mut cx).is_ready());
    }

    /// Otherwise a worker would go through all of them before it comes to a small request.
    #[tokio::test]
    async fn a_free_turn_lets_those_work_first_that_were_ready_before() {
        let order: Arc<Mutex<Vec<&str>>> = Arc::default();
        let mut tasks = JoinSet::new();
        for _ in 0..50 {
            let (order, mut polls) = (Arc::clone(&order), 0);
            tasks.spawn(InTurns::new(poll_fn(move |cx| {
                sleep(LONG);
                order.lock().unwrap().push("long");
                polls += 1;
                cx.waker().wake_by_ref();
                if polls == 2 { Poll::Ready(()) } else { Poll::Pending }
            })));
        }
        let (noted, mut polls) = (Arc::clone(&order), 0);
        tasks.spawn(poll_fn(move |cx| {
            noted.lock().unwrap().push("short");
            polls += 1;
            cx.waker().wake_by_ref();
            if polls == 2 { Poll::Ready(()) } else { Poll::Pending }
        }));
        tasks.join_all().await;
        let order = order.lock().unwrap();
        let mut places = order.iter().enumerate().filter(|(_, who)| **who == "short");
        let (first, second) = (places.next().unwrap().0, places.next().unwrap().0);
        assert_eq!(second - first, 1, "{order:?}");
    }
}
