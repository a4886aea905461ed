//! A connection under its clocks: the wait for its end, whichever end comes first.

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

/// How long an idle connection is kept after stopping began, for the request that is already on the wire.
pub(super) const CROSSING_TIME: Duration = Duration::from_millis(100);

/// A timer at rest: beyond any deadline, within what a timer can hold.
const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

/// The two steps of stopping, as a connection sees them.
#[derive(Clone, Debug)]
pub(super) struct Stop {
    /// Finish what runs.
    pub(super) shutdown: Shutdown,
    /// Give up.
    pub(super) cut: CancellationToken,
}

/// How a connection ended.
pub(super) enum End {
    /// By HTTP: closed by either side, or torn.
    Closed(hyper::Result<()>),
    /// By one of our clocks.
    Overdue(Overdue),
    /// By the end of the drain time.
    Cut,
}

/// What hyper's connections of either version can do.
pub(super) trait Served: Future<Output = hyper::Result<()>> + Unpin {
    /// Ends it when what runs is done.
    fn finish(&mut self);
}

pin_project! {
    /// Drives a connection under the clocks of [`Activity`] until it ends.
    pub(super) struct Watch<'a, C> {
        connection: &'a mut C,
        activity: &'a Activity,
        limits: &'a ConnectionLimits,
        // May be early and is never late: it is moved forward at once and backward only when it fires, so that a busy
        // connection does not move it with every request.
        #[pin]
        timer: Sleep,
        #[pin]
        cut: WaitForCancellationFuture<'a>,
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
    ) -> Self {
        Self {
            connection,
            activity,
            limits,
            timer: sleep(limits.idle_time),
            cut: stop.cut.cancelled(),
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
        loop {
            if let Poll::Ready(result) = Pin::new(&mut **this.connection).poll(cx) {
                return Poll::Ready(End::Closed(result));
            }
            if *this.stopping == Stopping::No && this.begun.as_mut().poll(cx).is_ready() {
                *this.stopping = Stopping::Since(Instant::now());
            }
            if this.stopping.may_tell(this.activity.phase()) {
                *this.stopping = Stopping::Told;
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

/// Whether hyper was told that the server stops. Told while a request runs, it announces the close with the answer.
/// Told in mid-head or just before a request that is on the wire, it would close over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopping {
    No,
    Since(Instant),
    Told,
}

impl Stopping {
    fn may_tell(self, phase: Phase) -> bool {
        let Self::Since(since) = self else { return false };
        match phase {
            Phase::Request => true,
            Phase::Head(_) => false,
            Phase::Idle(_) => since.elapsed() >= CROSSING_TIME,
        }
    }

    /// When to look again, at most `at`.
    fn next(self, at: Instant) -> Instant {
        match self {
            Self::Since(since) if since.elapsed() < CROSSING_TIME => at.min(since + CROSSING_TIME),
            _ => at,
        }
    }
}
