//! A body that fails when it stalls or trickles.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use super::StreamError;
use super::lag::Lag;

/// Shortest time over which the rate of a body is averaged.
const WINDOW: Duration = Duration::from_secs(60);

pin_project! {
    /// Fails with [`StreamError::Stalled`] when its reader waits longer than the limit for one frame, and with
    /// [`StreamError::Slow`] when the frames come slower than a minimum rate for a minute. The time that the reader takes
    /// between two frames does not count, so back-pressure never makes a body stall.
    #[derive(Debug)]
    pub struct Stalling<B> {
        #[pin]
        inner: B,
        limit: Duration,
        rate: u64,
        lag: Lag,
        #[pin]
        clock: Option<Sleep>,
        // Latest end of the present wait for a frame.
        silent_until: Option<Instant>,
        failed: bool,
    }
}

impl<B> Stalling<B> {
    /// Lets `inner` take at most `limit` for each frame, and send at least `rate` bytes a second on average.
    pub fn new(inner: B, limit: Duration, rate: u64) -> Self {
        let lag = Lag::new(rate, Duration::ZERO);
        Self { inner, limit, rate, lag, clock: None, silent_until: None, failed: false }
    }
}

impl<B: Body<Data = Bytes>> Body for Stalling<B> {
    type Data = Bytes;
    type Error = StreamError<B::Error>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let mut this = self.project();
        if *this.failed {
            return Poll::Ready(None);
        }
        if let Poll::Ready(frame) = this.inner.poll_frame(cx) {
            if this.silent_until.take().is_some() {
                this.lag.pause(Instant::now());
            }
            match &frame {
                Some(Ok(frame)) => this.lag.moved(frame.data_ref().map_or(0, Bytes::len)),
                Some(Err(_)) => *this.failed = true,
                None => {}
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(StreamError::Inner)));
        }
        // The timer is made at the first wait and reset at later ones. A frame that is ready costs nothing.
        let silent_until = match *this.silent_until {
            Some(at) => at,
            None => {
                let now = Instant::now();
                let silent_until = now + *this.limit;
                *this.silent_until = Some(silent_until);
                this.lag.wait(now);
                let slow_at = this.lag.reaches(WINDOW.max(*this.limit));
                let deadline = slow_at.map_or(silent_until, |at| at.min(silent_until));
                match this.clock.as_mut().as_pin_mut() {
                    Some(clock) => clock.reset(deadline),
                    None => this.clock.set(Some(sleep_until(deadline))),
                }
                silent_until
            }
        };
        match this.clock.as_pin_mut().map(|clock| clock.poll(cx)) {
            Some(Poll::Ready(())) => {
                *this.failed = true;
                let (limit, rate) = (*this.limit, *this.rate);
                Poll::Ready(Some(Err(match silent_until <= Instant::now() {
                    true => StreamError::Stalled { limit },
                    false => StreamError::Slow { rate },
                })))
            }
            _ => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.failed || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tokio::time::sleep;

    use super::*;
    use crate::stream::testing::{Script, collect};

    const LIMIT: Duration = Duration::from_secs(60);
    const RATE: u64 = 1024;

    #[tokio::test(start_paused = true)]
    async fn fails_when_no_frame_comes() {
        let began = Instant::now();
        let (seen, error) =
            collect(Stalling::new(Script::silent(&["ab", "c"]), LIMIT, RATE)).await.unwrap_err();
        assert_eq!(seen, "abc");
        assert!(matches!(error, StreamError::Stalled { limit: LIMIT }));
        assert!(began.elapsed() >= LIMIT && began.elapsed() < LIMIT * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn every_frame_resets_the_clock() {
        let slow = Script::slow(&["a", "b", "c", "d"], LIMIT - Duration::from_secs(1));
        let body = Stalling::new(slow, LIMIT, 0);
        assert_eq!(collect(body).await.unwrap(), "abcd");
    }

    #[tokio::test(start_paused = true)]
    async fn a_trickle_fails_after_a_minute() {
        let began = Instant::now();
        let slow = Script::slow(&["a"; 1000], Duration::from_secs(1));
        let (seen, error) = collect(Stalling::new(slow, LIMIT, RATE)).await.unwrap_err();
        assert!(matches!(error, StreamError::Slow { rate: RATE }), "{error}");
        assert_eq!(seen.len(), 60);
        assert!(began.elapsed() < LIMIT * 2, "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_at_the_minimum_rate_goes_on_for_ever() {
        // Twenty KiB every twenty seconds, for an hour.
        let piece = "x".repeat(20 << 10);
        let slow = Script::slow(&[piece.as_str(); 180], Duration::from_secs(20));
        let seen = collect(Stalling::new(slow, LIMIT, RATE)).await.unwrap();
        assert_eq!(seen.len(), 180 * piece.len());
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_above_a_minute_is_the_window_of_the_rate() {
        let slow = Script::slow(&["a", "b"], LIMIT * 2);
        assert_eq!(collect(Stalling::new(slow, LIMIT * 5, RATE)).await.unwrap(), "ab");
    }

    #[tokio::test(start_paused = true)]
    async fn time_between_polls_does_not_count() {
        let mut body = Box::pin(Stalling::new(Script::slow(&["a", "b"], LIMIT / 2), LIMIT, RATE));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(body.as_mut().poll_frame(&mut cx).is_pending());
        sleep(LIMIT / 2).await;
        assert!(body.as_mut().poll_frame(&mut cx).is_ready());
        sleep(LIMIT * 10).await;
        assert_eq!(collect(body).await.unwrap(), "b");
    }

    #[tokio::test]
    async fn forwards_hints_and_failures() {
        let body = Stalling::new(Script::known(&["abc"]), LIMIT, RATE);
        assert_eq!(body.size_hint().exact(), Some(3));
        assert!(Stalling::new(Script::known(&[]), LIMIT, RATE).is_end_stream());
        let (_, error) =
            collect(Stalling::new(Script::broken(&[]), LIMIT, RATE)).await.unwrap_err();
        assert!(matches!(error, StreamError::Inner(_)));
    }
}
