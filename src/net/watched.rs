//! The two wrappers that tell [`Activity`] what happens: one around the socket, one around the service.

use std::future::Future;
use std::io::{self, IoSlice};
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::service::Service;
use hyper::{Request, Response};
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::activity::{Activity, InRequest};
use super::peer::{Peer, Secured};
use super::serve::Serve;

/// How long, and for how many bytes, a closed connection is still read from.
const LINGER_TIME: Duration = Duration::from_secs(3);
const LINGER_BYTES: usize = 16 << 20;

/// Frames up to here are given away whole; what is larger goes in parts.
const LARGE_BYTES: usize = 1 << 20;
const PART_BYTES: usize = 256 * 1024;

/// A socket that notes its reads and writes, and lingers when it is shut down.
///
/// Lingering: a socket closed over unread bytes resets the connection, and the reset can overtake the answer
/// before it. A client whose upload is refused in mid-body would see "connection reset" instead of the reason. So
/// what still comes is read and forgotten for a moment, after our side was closed.
#[derive(Debug)]
pub(super) struct Watched<T> {
    inner: T,
    activity: Arc<Activity>,
    linger: Option<Linger>,
}

#[derive(Debug)]
struct Linger {
    clock: Pin<Box<Sleep>>,
    left: usize,
}

impl<T> Watched<T> {
    pub(super) fn new(inner: T, activity: Arc<Activity>) -> Self {
        Self { inner, activity, linger: None }
    }

    fn note_write(&self, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match polled {
            Poll::Ready(Ok(_)) => self.activity.wrote(),
            Poll::Pending => self.activity.blocked(),
            Poll::Ready(Err(_)) => {}
        }
        polled
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        if buf.filled().len() > before {
            self.activity.read();
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.note_write(polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.note_write(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.linger.is_none() {
            ready!(Pin::new(&mut this.inner).poll_shutdown(cx))?;
        }
        let linger = this.linger.get_or_insert_with(|| Linger {
            clock: Box::pin(sleep(LINGER_TIME)),
            left: LINGER_BYTES,
        });
        let mut scratch = [0; 16 * 1024];
        while linger.left > 0 && linger.clock.as_mut().poll(cx).is_pending() {
            let mut buf = ReadBuf::new(&mut scratch);
            // An error here is the client's reset: it has gone, with the answer or without.
            let read = ready!(Pin::new(&mut this.inner).poll_read(cx, &mut buf));
            if read.is_err() || buf.filled().is_empty() {
                break;
            }
            linger.left = linger.left.saturating_sub(buf.filled().len());
        }
        Poll::Ready(Ok(()))
    }
}

/// A service that notes when its requests begin and end, and tells it who asks.
#[derive(Debug)]
pub(super) struct Attended<S> {
    pub(super) service: S,
    pub(super) peer: Peer,
    pub(super) secured: Option<Secured>,
    pub(super) activity: Arc<Activity>,
}

impl<S: Serve> Service<Request<Incoming>> for Attended<S> {
    type Response = Response<AttendedBody<S::Answer>>;
    type Error = S::Error;
    type Future = AttendedFuture<S::Future>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let in_request = Some(self.activity.request());
        request.extensions_mut().insert(self.peer);
        if let Some(secured) = &self.secured {
            request.extensions_mut().insert(secured.clone());
        }
        AttendedFuture { inner: self.service.call(request), in_request }
    }
}

pin_project! {
    /// The answer under way.
    pub(super) struct AttendedFuture<F> {
        #[pin]
        inner: F,
        in_request: Option<InRequest>,
    }
}

impl<F, B, E> Future for AttendedFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<AttendedBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.inner.poll(cx))?;
        let in_request = this.in_request.take();
        if let Some(in_request) = &in_request {
            in_request.offered();
        }
        Poll::Ready(Ok(response.map(|inner| AttendedBody {
            inner,
            in_request,
            rest: Bytes::new(),
        })))
    }
}

pin_project! {
    /// The body of an answer; the request ends when it drops.
    #[derive(Debug)]
    pub(super) struct AttendedBody<B> {
        #[pin]
        inner: B,
        in_request: Option<InRequest>,
        // What is left of a frame that was too large to give away at once.
        rest: Bytes,
    }
}

impl<B: Body<Data = Bytes>> Body for AttendedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let Some(in_request) = this.in_request else { return this.inner.poll_frame(cx) };
        let polled = match this.rest.is_empty() {
            true => this.inner.poll_frame(cx),
            false => Poll::Ready(Some(Ok(Frame::data(mem::take(this.rest))))),
        };
        match polled {
            Poll::Ready(Some(Ok(frame))) => {
                in_request.offered();
                let cut =
                    |data| if in_request.is_one_of_many() { part(data, this.rest) } else { data };
                Poll::Ready(Some(Ok(frame.map_data(cut))))
            }
            other => {
                in_request.taken();
                other
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        // Asked before the first frame, when there is no rest.
        self.inner.size_hint()
    }
}

/// The first part of a large frame; the other goes to `rest`.
///
/// Over HTTP/2 a frame that was given away is out of sight, and so is whether the client takes it: an answer of one
/// frame would have no clock. So little of it is given at once, and the last part does not hold on to the whole.
fn part(mut data: Bytes, rest: &mut Bytes) -> Bytes {
    if data.len() <= LARGE_BYTES {
        return data;
    }
    let part = data.split_to(PART_BYTES);
    *rest = if data.len() <= LARGE_BYTES { Bytes::copy_from_slice(&data) } else { data };
    part
}
