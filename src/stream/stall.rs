//! A body that fails when it stalls.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep};

use super::StreamError;

pin_project! {
    /// Fails with [`StreamError::Stalled`] when its reader waits longer than the limit for one frame. The time that the
    /// reader takes between two frames does not count, so back-pressure never makes a body stall.
    #[derive(Debug)]
    pub struct Stalling<B> {
        #[pin]
        inner: B,
        limit: Duration,
        #[pin]
        clock: Option<Sleep>,
        waiting: bool,
        failed: bool,
    }
}

impl<B> Stalling<B> {
    /// Lets `inner` take at most `limit` for each frame.
    pub fn new(inner: B, limit: Duration) -> Self {
        Self { inner, limit, clock: None, waiting: false, failed: false }
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
            *this.waiting = false;
            *this.failed = matches!(frame, Some(Err(_)));
            return Poll::Ready(frame.map(|frame| frame.map_err(StreamError::Inner)));
        }
        // The timer is made at the first wait and reset at later ones. A frame that is ready costs nothing.
        if !*this.waiting {
            *this.waiting = true;
            let deadline = Instant::now() + *this.limit;
            match this.clock.as_mut().as_pin_mut() {
                Some(clock) => clock.reset(deadline),
                None => this.clock.set(Some(sleep(*this.limit))),
            }
        }
        match this.clock.as_pin_mut().map(|clock| clock.poll(cx)) {
            Some(Poll::Ready(())) => {
                *this.failed = true;
                Poll::Ready(Some(Err(StreamError::Stalled { limit: *this.limit })))
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

    use super::*;
    use crate::stream::testing::{Script, collect};

    const LIMIT: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn fails_when_no_frame_comes() {
        let began = Instant::now();
        let (seen, error) =
            collect(Stalling::new(Script::silent(&["ab", "c"]), LIMIT)).await.unwrap_err();
        assert_eq!(seen, "abc");
        assert!(matches!(error, StreamError::Stalled { limit: LIMIT }));
        assert!(began.elapsed() >= LIMIT && began.elapsed() < LIMIT * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn every_frame_resets_the_clock() {
        let slow = Script::slow(&["a", "b", "c", "d"], LIMIT - Duration::from_secs(1));
        let body = Stalling::new(slow, LIMIT);
        assert_eq!(collect(body).await.unwrap(), "abcd");
    }

    #[tokio::test(start_paused = true)]
    async fn time_between_polls_does_not_count() {
        let mut body = Box::pin(Stalling::new(Script::slow(&["a", "b"], LIMIT / 2), LIMIT));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(body.as_mut().poll_frame(&mut cx).is_pending());
        sleep(LIMIT / 2).await;
        assert!(body.as_mut().poll_frame(&mut cx).is_ready());
        sleep(LIMIT * 10).await;
        assert_eq!(collect(body).await.unwrap(), "b");
    }

    #[tokio::test]
    async fn forwards_hints_and_failures() {
        let body = Stalling::new(Script::known(&["abc"]), LIMIT);
        assert_eq!(body.size_hint().exact(), Some(3));
        assert!(Stalling::new(Script::known(&[]), LIMIT).is_end_stream());
        let (_, error) = collect(Stalling::new(Script::broken(&[]), LIMIT)).await.unwrap_err();
        assert!(matches!(error, StreamError::Inner(_)));
    }
}
