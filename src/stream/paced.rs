//! A body that lets other tasks run.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

/// Bytes after which a task that moves or hashes them lets other tasks run. Hashing them takes under 0.2 ms.
pub const STRIDE: usize = 256 * 1024;

pin_project! {
    /// Returns `Pending` once, and wakes itself, after every [`STRIDE`].
    ///
    /// hyper polls a connection sixteen times in a row while its body is ready. With a fast source and hashing in the
    /// same task, that blocks a worker thread for milliseconds, and every other request on the thread waits. Yielding
    /// bounds the wait to one stride and costs no throughput.
    #[derive(Debug)]
    pub struct Paced<B> {
        #[pin]
        inner: B,
        passed: usize,
    }
}

impl<B> Paced<B> {
    /// Makes `inner` yield after every [`STRIDE`].
    pub fn new(inner: B) -> Self {
        Self { inner, passed: 0 }
    }
}

impl<B: Body<Data = Bytes>> Body for Paced<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        if *this.passed >= STRIDE {
            *this.passed = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let polled = this.inner.poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let size = frame.data_ref().map_or(0, Bytes::len);
                *this.passed = this.passed.saturating_add(size);
            }
            // A body that waits for bytes has let other tasks run.
            Poll::Pending => *this.passed = 0,
            Poll::Ready(_) => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
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

    fn yields(frames: &[&str]) -> usize {
        let mut body = Box::pin(Paced::new(Script::known(frames)));
        let mut cx = Context::from_waker(Waker::noop());
        let mut yields = 0;
        loop {
            match body.as_mut().poll_frame(&mut cx) {
                Poll::Pending => yields += 1,
                Poll::Ready(None) => return yields,
                Poll::Ready(Some(frame)) => drop(frame.unwrap()),
            }
        }
    }

    #[test]
    fn yields_by_bytes_and_not_by_frames() {
        let whole = "x".repeat(STRIDE);
        let (quarter, whole) = (&whole[..STRIDE / 4], whole.as_str());
        assert_eq!(yields(&["a"; 100]), 0);
        assert_eq!(yields(&[quarter; 3]), 0);
        assert_eq!(yields(&[quarter; 8]), 2);
        assert_eq!(yields(&[whole; 3]), 3);
    }

    #[tokio::test]
    async fn wakes_itself_and_changes_nothing() {
        let whole = "x".repeat(STRIDE);
        let body = Paced::new(Script::known(&[&whole, &whole]));
        assert_eq!(body.size_hint().exact(), Some(2 * STRIDE as u64));
        assert_eq!(collect(body).await.unwrap().len(), 2 * STRIDE);
        assert!(Paced::new(Script::known(&[])).is_end_stream());
        assert_eq!(collect(Paced::new(Script::broken(&["a"]))).await.unwrap_err().0, "a");
    }
}
