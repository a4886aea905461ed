//! The state of a connection on which its time limits depend, and its claim to its place.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::limits::ConnectionLimits;
use crate::stream::bulk;
use crate::stream::lag::Lag;

/// How long a connection that was fast may pause before it counts as one that moves no bytes.
const CREDIT: Duration = Duration::from_secs(10);

/// The state of one connection. The socket wrapper, the service wrapper and the task of the connection share it.
///
/// Over HTTP/1 all three run in that task, so the lock is always free. Over HTTP/2 the tasks of the answers take it too,
/// for a few instructions.
#[derive(Debug)]
pub(super) struct Activity {
    state: Mutex<State>,
    /// Whether the connection has many requests at once. Bytes then belong to no single request, and may be a mere ping.
    many: bool,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// Number of requests that are being answered.
    requests: usize,
    /// Number of requests whose bodies are waited for.
    waiting: usize,
    /// How far the client is behind the minimum rate, counted while nothing but its bytes is waited for.
    lag: Lag,
    /// Whether a caller has logged in on this connection.
    logged_in: bool,
    /// Time of the first write that the client did not take.
    blocked: Option<Instant>,
    /// Clock of the request that began last, until the task of its answer takes it.
    newest: Option<Arc<AnswerClock>>,
}

/// The present phase of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It has no request, and no byte came or went since this time.
    Idle(Instant),
    /// The head of a request is arriving; its first byte came at this time.
    Head(Instant),
    /// It is answering a request.
    Request,
}

/// The time limit that a connection exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// The head of a request took too long to arrive.
    Head,
    /// There was no request for too long.
    Idle,
    /// The client did not take its answer for too long.
    Blocked,
}

/// How good the claim of a connection to its place is; the worst comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Claim {
    /// It has no request.
    Idle,
    /// Its caller has not logged in, and does not move the bytes that are waited for.
    SlowStranger,
    /// Its caller does not move the bytes that are waited for.
    Slow,
    /// Its caller has not logged in, and moves bytes or waits for an answer.
    Stranger,
    /// Its caller has logged in, and moves bytes or waits for an answer.
    Working,
}

impl State {
    /// Notes whose turn it is: the client's, if all requests wait for its bytes or the answer waits to be taken.
    fn turn(&mut self) {
        let now = Instant::now();
        let all_wait = self.requests > 0 && self.waiting >= self.requests;
        if all_wait || self.blocked.is_some() { self.lag.wait(now) } else { self.lag.pause(now) }
    }
}

impl Activity {
    /// The state of a connection that has one request at a time. `rate` is the least number of bytes a second at which
    /// a client counts as moving bytes.
    pub(super) fn of_one(rate: u64) -> Self {
        Self::new(false, rate)
    }

    /// The state of a connection that can have many requests at a time.
    pub(super) fn of_many(rate: u64) -> Self {
        Self::new(true, rate)
    }

    fn new(many: bool, rate: u64) -> Self {
        let state = State {
            phase: Phase::Idle(Instant::now()),
            requests: 0,
            waiting: 0,
            lag: Lag::new(rate, CREDIT),
            logged_in: false,
            blocked: None,
            newest: None,
        };
        Self { state: Mutex::new(state), many }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while the lock is held, so a poisoned state is still consistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that bytes came in.
    pub(super) fn read(&self, bytes: usize) {
        bulk::moved(bytes);
        let mut state = self.state();
        let now = Instant::now();
        state.lag.moved_at(bytes, now);
        if let (Phase::Idle(_), false) = (state.phase, self.many) {
            state.phase = Phase::Head(now);
        }
    }

    /// Notes that bytes went out.
    pub(super) fn wrote(&self, bytes: usize) {
        bulk::moved(bytes);
        let mut state = self.state();
        state.lag.moved_at(bytes, Instant::now());
        state.blocked = None;
        state.turn();
        if let (Phase::Idle(_), false) = (state.phase, self.many) {
            state.phase = Phase::Idle(Instant::now());
        }
    }

    /// Notes that the client does not take bytes.
    pub(super) fn blocked(&self) {
        let mut state = self.state();
        state.blocked.get_or_insert_with(Instant::now);
        state.turn();
    }

    /// Notes that a caller has logged in on this connection.
    pub(super) fn logged_in(&self) {
        self.state().logged_in = true;
    }

    /// Notes that the body of a request is waited for, until the returned value is dropped.
    pub(super) fn waiting(self: &Arc<Self>) -> Waiting {
        let mut state = self.state();
        state.waiting += 1;
        state.turn();
        drop(state);
        Waiting(Arc::clone(self))
    }

    /// The claim of the connection to its place, and how long it has been idle or how far it is behind.
    pub(super) fn claim(&self, now: Instant) -> (Claim, Duration) {
        let state = self.state();
        match state.phase {
            Phase::Idle(since) | Phase::Head(since) => {
                (Claim::Idle, now.saturating_duration_since(since))
            }
            Phase::Request => match (state.lag.slow(now), state.logged_in) {
                (Some(behind), false) => (Claim::SlowStranger, behind),
                (Some(behind), true) => (Claim::Slow, behind),
                (None, false) => (Claim::Stranger, Duration::ZERO),
                (None, true) => (Claim::Working, Duration::ZERO),
            },
        }
    }

    /// Notes that a request begins. It ends when the returned value is dropped.
    pub(super) fn request(self: &Arc<Self>) -> InRequest {
        let clock = self.many.then(Arc::<AnswerClock>::default);
        let mut state = self.state();
        if state.requests == 0 {
            state.lag.restart();
        }
        state.phase = Phase::Request;
        state.requests += 1;
        state.turn();
        state.newest.clone_from(&clock);
        drop(state);
        InRequest { activity: Arc::clone(self), clock }
    }

    /// Takes the clock of the request that began last.
    pub(super) fn newest(&self) -> Option<Arc<AnswerClock>> {
        self.state().newest.take()
    }

    pub(super) fn phase(&self) -> Phase {
        self.state().phase
    }

    /// The time limit that is exceeded first, and when.
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

/// A request that is being answered, until this value is dropped.
#[derive(Debug)]
pub(super) struct InRequest {
    activity: Arc<Activity>,
    clock: Option<Arc<AnswerClock>>,
}

impl InRequest {
    /// Whether its connection can have other requests at the same time.
    pub(super) fn is_one_of_many(&self) -> bool {
        self.clock.is_some()
    }

    /// Notes that the answer has more bytes, which wait for the client.
    pub(super) fn offered(&self) {
        if let Some(clock) = &self.clock {
            clock.set(Some(Instant::now()));
        }
    }

    /// Notes that the client took all bytes that there were.
    pub(super) fn taken(&self) {
        if let Some(clock) = &self.clock {
            clock.set(None);
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
        state.turn();
    }
}

/// The wait for the body of a request, until this value is dropped.
#[derive(Debug)]
pub(super) struct Waiting(Arc<Activity>);

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.waiting -= 1;
        state.turn();
    }
}

/// The clock of one answer among many on a connection: the time since which its bytes wait for the client.
///
/// A client can take nothing of one answer while it takes others. The socket then shows no sign of it.
#[derive(Debug, Default)]
pub(super) struct AnswerClock(Mutex<Option<Instant>>);

impl AnswerClock {
    fn set(&self, since: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    fn since(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resolves when bytes have waited for the client for `time`.
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
