//! What a connection is busy with, as far as its clocks need to know.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::ConnectionLimits;

/// Shared by the socket wrapper, the service wrapper and the task of one connection. All three run in that task, so
/// the lock is never waited for.
#[derive(Debug)]
pub(super) struct Activity(Mutex<State>);

#[derive(Debug)]
struct State {
    phase: Phase,
    /// Since when the client takes no byte of what is written to it.
    blocked: Option<Instant>,
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
    pub(super) fn new() -> Self {
        Self(Mutex::new(State { phase: Phase::Idle(Instant::now()), blocked: None }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is a single store: a panic elsewhere cannot leave it half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes came in.
    pub(super) fn read(&self) {
        let mut state = self.state();
        if let Phase::Idle(_) = state.phase {
            state.phase = Phase::Head(Instant::now());
        }
    }

    /// Bytes went out.
    pub(super) fn wrote(&self) {
        let mut state = self.state();
        state.blocked = None;
        if let Phase::Idle(_) = state.phase {
            state.phase = Phase::Idle(Instant::now());
        }
    }

    /// Bytes could not go out.
    pub(super) fn blocked(&self) {
        self.state().blocked.get_or_insert_with(Instant::now);
    }

    /// A request begins; it ends when the answer drops.
    pub(super) fn request(self: &Arc<Self>) -> InRequest {
        self.state().phase = Phase::Request;
        InRequest(Arc::clone(self))
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
pub(super) struct InRequest(Arc<Activity>);

impl Drop for InRequest {
    fn drop(&mut self) {
        self.0.state().phase = Phase::Idle(Instant::now());
    }
}
