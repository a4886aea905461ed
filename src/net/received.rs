//! The body of a request as its service gets it, and the standing of the connection that it came on.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::activity::{Activity, Waiting};
use super::inflow::{Flowing, Inflow};

/// The body of a request. It notes when its reader waits for the client.
#[derive(Debug)]
pub struct Received {
    inner: Incoming,
    activity: Arc<Activity>,
    waiting: Option<Waiting>,
    /// `None` for a request without a body.
    _flowing: Option<Flowing>,
}

impl Received {
    pub(super) fn new(inner: Incoming, activity: &Arc<Activity>, inflow: &Inflow) -> Self {
        let flowing = (!inner.is_end_stream()).then(|| inflow.begin());
        Self { inner, activity: Arc::clone(activity), waiting: None, _flowing: flowing }
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = &mut *self;
        let polled = Pin::new(&mut this.inner).poll_frame(cx);
        match &polled {
            Poll::Ready(_) => this.waiting = None,
            Poll::Pending if this.waiting.is_none() => {
                this.waiting = Some(this.activity.waiting());
            }
            Poll::Pending => {}
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

/// The standing of a connection, by which it keeps its place when places run out. An extension of every request.
#[derive(Clone, Debug)]
pub struct Standing(Arc<Activity>);

impl Standing {
    pub(super) fn of(activity: &Arc<Activity>) -> Self {
        Self(Arc::clone(activity))
    }

    /// Notes that the caller of a request on this connection has logged in.
    pub fn logged_in(&self) {
        self.0.logged_in();
    }
}
