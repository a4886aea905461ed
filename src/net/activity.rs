//! What a connection is busy with, as far as its clocks need to know.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::limits::ConnectionLimits;

/// Shared by the socket wrapper, the service wrapper and the task of one connection. Over HTTP/1 all three run in
/// that task, so the lock is never waited for; over HTTP/2 the tasks of its answers share it, for moments.
#[derive(Debug)]
pub(super) struct Activity {
    state: Mutex<State>,
    /// Many requests at once: bytes then belong to none of them, and may be a mere sign of life.
    many: bool,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// Requests being answered.
    requests: usize,
    /// Since when the client takes no byte of what is written to it.
    blocked: Option<Instant>,
    /// Of the request that began last, until its task has it.
    newest: Option<Arc<Turn>>,
}

/// Where a connection is between two requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// No request, and no byte since then.
    Idle(Instant),
    /// The first byte of a head came then.
    Head(Instant),
    /// A request is being answered.
    Request,
}

/// Which clock ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// The head of a request is not there in time.
    Head,
    /// Nothing was asked for too long.
    Idle,
    /// The client does not take its answer.
    Blocked,
}

impl Activity {
    /// Of a connection with one request at a time.
    pub(super) fn of_one() -> Self {
        Self::new(false)
    }

    /// Of a connection with many requests at a time.
    pub(super) fn of_many() -> Self {
        Self::new(true)
    }

    fn new(many: bool) -> Self {
        let phase = Phase::Idle(Instant::now());
        let state = State { phase, requests: 0, blocked: None, newest: None };
        Self { state: Mutex::new(state), many }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is a few stores: a panic elsewhere cannot leave it half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes came in.
    pub(super) fn read(&self) {
        if self.many {
            return;
        }
        let mut state = self.state();
        if let Phase::Idle(_) = state.phase {
            state.phase = Phase::Head(Instant::now());
        }
    }

    /// Bytes went out.
    pub(super) fn wrote(&self) {
        let mut state = self.state();
        state.blocked = None;
        if let (Phase::Idle(_), false) = (state.phase, self.many) {
            state.phase = Phase::Idle(Instant::now());
        }
    }

    /// Bytes could not go out.
    pub(super) fn blocked(&self) {
        self.state().blocked.get_or_insert_with(Instant::now);
    }

    /// A request begins; it ends when the answer drops.
    pub(super) fn request(self: &Arc<Self>) -> InRequest {
        let turn = self.many.then(Arc::<Turn>::default);
        let mut state = self.state();
        state.phase = Phase::Request;
        state.requests += 1;
        state.newest.clone_from(&turn);
        drop(state);
        InRequest { activity: Arc::clone(self), turn }
    }

    /// The clock of the request that began last, once.
    pub(super) fn newest(&self) -> Option<Arc<Turn>> {
        self.state().newest.take()
    }

    pub(super) fn phase(&self) -> Phase {
        self.state().phase
    }

    /// When the first of the clocks that run now is over, and which.
    pub(super) fn deadline(&self, limits: &ConnectionLimits) -> Option<(Instant, Overdue)> {
        let state = self.state();
        let after = |since: Instant, time: Duration, overdue| Some((since + time, overdue));
        let blocked = state.blocked.and_then(|s| after(s, limits.idle_time, Overdue::Blocked));
        let phase = match state.phase {
            Phase::Idle(since) => after(since, limits.idle_time, Overdue::Idle),
            Phase::Head(since) => after(since, limits.header_time, Overdue::Head),
            Phase::Request => None,
        };
        [blocked, phase].into_iter().flatten().min_by_key(|(at, _)| *at)
    }
}

/// A request in flight, until dropped.
#[derive(Debug)]
pub(super) struct InRequest {
    activity: Arc<Activity>,
    turn: Option<Arc<Turn>>,
}

impl InRequest {
    /// Whether others run beside it on its connection.
    pub(super) fn is_one_of_many(&self) -> bool {
        self.turn.is_some()
    }

    /// The answer has more to give, as soon as the client takes it.
    pub(super) fn offered(&self) {
        if let Some(turn) = &self.turn {
            turn.set(Some(Instant::now()));
        }
    }

    /// The client took what there was.
    pub(super) fn taken(&self) {
        if let Some(turn) = &self.turn {
            turn.set(None);
        }
    }
}

impl Drop for InRequest {
    fn drop(&mut self) {
        let mut state = self.activity.state();
        state.requests -= 1;
        if state.requests == 0 {
            state.phase = Phase::Idle(Instant::now());
        }
    }
}

/// Since when it is the client's turn in one of many answers. A client can take none of it and be busy otherwise: the
/// socket then knows nothing of it.
#[derive(Debug, Default)]
pub(super) struct Turn(Mutex<Option<Instant>>);

impl Turn {
    fn set(&self, since: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    fn since(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resolves when the client did not take its turn for `time`.
    pub(super) async fn overdue(&self, time: Duration) {
        loop {
            let since = self.since();
            let at = since.unwrap_or_else(Instant::now) + time;
            if since.is_some() && at <= Instant::now() {
                return;
            }
            sleep_until(at).await;
        }
    }
}
