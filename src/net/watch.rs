//! Drives a connection until it ends by itself, exceeds a time limit, has to give way, or is cut by a shutdown.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

use super::activity::{Activity, Overdue, Phase};
use super::limits::ConnectionLimits;
use super::shutdown::Shutdown;

/// How long an idle connection is kept after a shutdown began. Its next request may be on the wire already.
pub(super) const CROSSING_TIME: Duration = Duration::from_millis(100);

/// Time to which the timer is set while no time limit runs: later than any limit, and within the range of a timer.
const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

/// The two steps of a shutdown, as a connection sees them.
#[derive(Clone, Debug)]
pub(super) struct Stop {
    /// First step: finish what runs.
    pub(super) shutdown: Shutdown,
    /// Second step: give up.
    pub(super) cut: CancellationToken,
}

/// The end of a connection.
pub(super) enum End {
    /// HTTP ended: one side closed the connection, or it broke.
    Closed(hyper::Result<()>),
    /// It exceeded a time limit.
    Overdue(Overdue),
    /// It has lost its place to another connection.
    GaveWay,
    /// It did not finish within the drain time.
    Cut,
}

/// A connection of hyper, by HTTP/1 or HTTP/2.
pub(super) trait Served: Future<Output = hyper::Result<()>> + Unpin {
    /// Lets the connection end once its requests are answered.
    fn finish(&mut self);
}

pin_project! {
    /// Drives a connection under the time limits of [`Activity`]. Resolves when it has ended or must end.
    pub(super) struct Watch<'a, C> {
        connection: &'a mut C,
        activity: &'a Activity,
        limits: &'a ConnectionLimits,
        // Fires at the next deadline or before it. A deadline that comes nearer resets it at once. One that moves away
        // resets it only when it has fired, so that a busy connection does not reset it with every request.
        #[pin]
        timer: Sleep,
        #[pin]
        cut: WaitForCancellationFuture<'a>,
        #[pin]
        leave: WaitForCancellationFuture<'a>,
        #[pin]
        begun: WaitForCancellationFuture<'a>,
        stopping: Stopping,
    }
}

impl<'a, C: Served> Watch<'a, C> {
    pub(super) fn new(
        connection: &'a mut C,
        activity: &'a Activity,
        limits: &'a ConnectionLimits,
        stop: &'a Stop,
        leave: &'a CancellationToken,
    ) -> Self {
        Self {
            connection,
            activity,
            limits,
            timer: sleep(limits.idle_time),
            cut: stop.cut.cancelled(),
            leave: leave.cancelled(),
            begun: stop.shutdown.begun(),
            stopping: Stopping::No,
        }
    }
}

impl<C: Served> Future for Watch<'_, C> {
    type Output = End;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<End> {
        let mut this = self.project();
        if this.cut.poll(cx).is_ready() {
            return Poll::Ready(End::Cut);
        }
        if this.leave.poll(cx).is_ready() {
            return Poll::Ready(End::GaveWay);
        }
        loop {
            if let Poll::Ready(result) = Pin::new(&mut **this.connection).poll(cx) {
                return Poll::Ready(End::Closed(result));
            }
            if *this.stopping == Stopping::No && this.begun.as_mut().poll(cx).is_ready() {
                *this.stopping = Stopping::Since(Instant::now());
            }
            if this.stopping.may_announce(this.activity.phase()) {
                *this.stopping = Stopping::Announced;
                this.connection.finish();
                continue;
            }
            let next = this.activity.deadline(this.limits);
            let next_at = next.map_or_else(|| Instant::now() + NEVER, |(at, _)| at);
            let next_at = this.stopping.next(next_at);
            if next_at < this.timer.deadline() {
                this.timer.as_mut().reset(next_at);
            }
            if this.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            match next {
                Some((at, overdue)) if at <= Instant::now() => {
                    return Poll::Ready(End::Overdue(overdue));
                }
                _ => this.timer.as_mut().reset(next_at),
            }
        }
    }
}

/// Progress of telling hyper that the server stops. During a request hyper then announces the close with the answer. But
/// while the head of a request arrives, or is on the wire, hyper would close the connection and lose the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopping {
    No,
    Since(Instant),
    Announced,
}

impl Stopping {
    fn may_announce(self, phase: Phase) -> bool {
        let Self::Since(since) = self else { return false };
        match phase {
            Phase::Request => true,
            Phase::Head(_) => false,
            Phase::Idle(_) => since.elapsed() >= CROSSING_TIME,
        }
    }

    /// Time of the next poll: `at` or earlier.
    fn next(self, at: Instant) -> Instant {
        match self {
            Self::Since(since) if since.elapsed() < CROSSING_TIME => at.min(since + CROSSING_TIME),
            _ => at,
        }
    }
}
