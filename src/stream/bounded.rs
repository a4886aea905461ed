//! A body of which only so many bytes are on their way to the client.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

/// Bytes on their way from which on the next frame waits. So a client that stops reading keeps this much and one frame.
const MOST: usize = 64 * 1024;

pin_project! {
    /// Gives the next frame when the connection has written or dropped enough of those before.
    ///
    /// hyper has one limit for what a connection reads ahead and for what it has yet to write. Reading wants large
    /// buffers, since a push costs a third less CPU with them; writing needs small ones, since slow readers fill them.
    #[derive(Debug)]
    pub struct Bounded<B> {
        #[pin]
        inner: B,
        way: Arc<Way>,
    }
}

/// What is on its way.
#[derive(Debug, Default)]
struct Way(Mutex<Load>);

#[derive(Debug, Default)]
struct Load {
    bytes: usize,
    /// The task that waits for the way to be free.
    waiting: Option<Waker>,
}

/// A frame that leaves the way when its last reference is dropped.
struct Carried {
    bytes: Bytes,
    way: Arc<Way>,
}

impl<B> Bounded<B> {
    /// Bounds what of `inner` is on its way.
    pub fn new(inner: B) -> Self {
        Self { inner, way: Arc::default() }
    }
}

impl Way {
    fn load(&self) -> MutexGuard<'_, Load> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsRef<[u8]> for Carried {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        let mut load = self.way.load();
        load.bytes -= self.bytes.len();
        let waiting = if load.bytes < MOST { load.waiting.take() } else { None };
        drop(load);
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }
}

impl<B: Body<Data = Bytes>> Body for Bounded<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let mut load = this.way.load();
        if load.bytes >= MOST {
            load.waiting = Some(cx.waker().clone());
            return Poll::Pending;
        }
        drop(load);
        let polled = this.inner.poll_frame(cx);
        polled.map_ok(|frame| {
            frame.map_data(|bytes| {
                this.way.load().bytes += bytes.len();
                Bytes::from_owner(Carried { bytes, way: Arc::clone(this.way) })
            })
        })
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
    use std::future::poll_fn;
    use std::task::Waker;

    use super::*;
    use crate::stream::testing::{Script, collect};

    #[tokio::test]
    async fn a_frame_waits_until_those_before_are_written() {
        let half = "x".repeat(MOST / 2);
        let mut body = Box::pin(Bounded::new(Script::known(&[&half, &half, &half])));
        let mut frames = Vec::new();
        for _ in 0..2 {
            let frame = poll_fn(|cx| body.as_mut().poll_frame(cx)).await;
            frames.push(frame.unwrap().unwrap().into_data().unwrap());
        }
        let mut cx = Context::from_waker(Waker::noop());
        assert!(body.as_mut().poll_frame(&mut cx).is_pending());
        // A piece of a frame keeps the whole of it.
        let piece = frames[0].split_to(1);
        frames.remove(0);
        assert!(body.as_mut().poll_frame(&mut cx).is_pending());
        let (next, ()) = tokio::join!(poll_fn(|cx| body.as_mut().poll_frame(cx)), async {
            tokio::task::yield_now().await;
            drop(piece);
        });
        assert_eq!(next.unwrap().unwrap().into_data().unwrap().len(), MOST / 2);
    }

    #[tokio::test]
    async fn nothing_else_changes() {
        let body = Bounded::new(Script::known(&["abc", "def"]));
        assert_eq!(body.size_hint().exact(), Some(6));
        assert_eq!(collect(body).await.unwrap(), "abcdef");
        assert!(Bounded::new(Script::known(&[])).is_end_stream());
        assert_eq!(collect(Bounded::new(Script::broken(&["a"]))).await.unwrap_err().0, "a");
    }
}
