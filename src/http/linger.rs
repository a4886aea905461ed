//! Request bodies that nobody wants to read any more.
//!
//! hyper closes a connection whose request body was dropped half read; a client that is still writing then sees a
//! reset instead of the answer that tells it why. So what is left is read and thrown away for a short while.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;

/// Most bytes thrown away for the sake of an answer.
const MOST: usize = 16 << 20;

/// Longest time spent on it.
const LONGEST: Duration = Duration::from_secs(3);

/// A request body that, dropped before its end, is drained within bounds in the background.
pub(super) struct Lingering {
    body: Option<Incoming>,
    // The client sends nothing before the first read makes hyper say 100 Continue: not reading spares it the body.
    waits: bool,
}

impl Lingering {
    pub(super) fn new(body: Incoming, expects_continue: bool) -> Self {
        Self { body: Some(body), waits: expects_continue }
    }
}

impl Body for Lingering {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.waits = false;
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(cx);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        polled
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or(SizeHint::with_exact(0), Body::size_hint)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) else { return };
        if self.waits {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(tokio::time::timeout(LONGEST, drain(body)));
        }
    }
}

async fn drain(mut body: Incoming) {
    let mut drained = 0;
    while drained < MOST {
        match body.frame().await {
            Some(Ok(frame)) => drained += frame.data_ref().map_or(0, Bytes::len),
            Some(Err(_)) | None => return,
        }
    }
}
