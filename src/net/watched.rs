//! Two wrappers that report to [`Activity`]: one around the socket, one around the service.

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
use super::inflow::Inflow;
use super::peer::{Peer, Secured};
use super::received::{Received, Standing};
use super::serve::Serve;

/// How long a closed connection is still read.
const LINGER_TIME: Duration = Duration::from_secs(3);
/// How many bytes are read from a closed connection.
const LINGER_BYTES: usize = 16 << 20;

/// Over HTTP/2 larger frames are handed over in parts.
const LARGE_BYTES: usize = 1 << 20;
/// Size of these parts.
const PART_BYTES: usize = 256 * 1024;

/// A socket that reports its reads and writes, and lingers when it is shut down.
///
/// Closing a socket with unread bytes resets the connection, and the reset can overtake the answer before it. A client
/// whose upload is refused in the middle of the body would see "connection reset" instead of the reason. So after our
/// side is closed, what still arrives is read and discarded for a moment.
#[derive(Debug)]
pub(super) struct Watched<T> {
    inner: T,
    activity: Arc<Activity>,
    inflow: Inflow,
    linger: Option<Linger>,
}

#[derive(Debug)]
struct Linger {
    clock: Pin<Box<Sleep>>,
    left: usize,
}

impl<T> Watched<T> {
    pub(super) fn new(inner: T, activity: Arc<Activity>, inflow: Inflow) -> Self {
        Self { inner, activity, inflow, linger: None }
    }

    fn note_write(&self, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match polled {
            Poll::Ready(Ok(bytes)) => self.activity.wrote(bytes),
            Poll::Pending => self.activity.blocked(),
            Poll::Ready(Err(_)) => {}
        }
        polled
    }
}

/// Reads at most so many bytes.
fn read(
    stream: Pin<&mut impl AsyncRead>,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
    most: usize,
) -> Poll<io::Result<()>> {
    if buf.remaining() <= most {
        return stream.poll_read(cx, buf);
    }
    // Zeroes what is read into: a few microseconds, far less than the read itself.
    let mut part = ReadBuf::new(buf.initialize_unfilled_to(most));
    ready!(stream.poll_read(cx, &mut part))?;
    let bytes = part.filled().len();
    buf.advance(bytes);
    Poll::Ready(Ok(()))
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let most = self.inflow.share();
        ready!(read(Pin::new(&mut self.inner), cx, buf, most))?;
        let bytes = buf.filled().len() - before;
        if bytes > 0 {
            self.activity.read(bytes);
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
            // An error is a reset by the client: it is gone, and there is nothing left to wait for.
            let read = ready!(Pin::new(&mut this.inner).poll_read(cx, &mut buf));
            if read.is_err() || buf.filled().is_empty() {
                break;
            }
            linger.left = linger.left.saturating_sub(buf.filled().len());
        }
        Poll::Ready(Ok(()))
    }
}

/// A service that reports when requests begin and end. It adds what is known of the connection to each request.
#[derive(Debug)]
pub(super) struct Tracked<S> {
    pub(super) service: S,
    pub(super) peer: Peer,
    pub(super) secured: Option<Secured>,
    pub(super) activity: Arc<Activity>,
    pub(super) inflow: Inflow,
}

impl<S: Serve> Service<Request<Incoming>> for Tracked<S> {
    type Response = Response<TrackedBody<S::Answer>>;
    type Error = S::Error;
    type Future = TrackedFuture<S::Future>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let in_request = Some(self.activity.request());
        request.extensions_mut().insert(self.peer);
        if let Some(secured) = &self.secured {
            request.extensions_mut().insert(secured.clone());
        }
        request.extensions_mut().insert(Standing::of(&self.activity));
        let request = request.map(|body| Received::new(body, &self.activity, &self.inflow));
        TrackedFuture { inner: self.service.call(request), in_request }
    }
}

pin_project! {
    /// An answer that is being made.
    pub(super) struct TrackedFuture<F> {
        #[pin]
        inner: F,
        in_request: Option<InRequest>,
    }
}

impl<F, B, E> Future for TrackedFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<TrackedBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.inner.poll(cx))?;
        let in_request = this.in_request.take();
        if let Some(in_request) = &in_request {
            in_request.offered();
        }
        Poll::Ready(Ok(response.map(|inner| TrackedBody { inner, in_request, rest: Bytes::new() })))
    }
}

pin_project! {
    /// The body of an answer. The request ends when it is dropped.
    #[derive(Debug)]
    pub(super) struct TrackedBody<B> {
        #[pin]
        inner: B,
        in_request: Option<InRequest>,
        // The rest of a frame that was handed over in part.
        rest: Bytes,
    }
}

impl<B: Body<Data = Bytes>> Body for TrackedBody<B> {
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
        // hyper asks before the first frame, when there is no rest.
        self.inner.size_hint()
    }
}

/// Cuts the first part off a large frame and puts the remainder into `rest`.
///
/// Over HTTP/2 nothing tells whether the client takes a frame that was handed to hyper, so an answer of a single frame
/// would have no time limit. Therefore a large frame is handed over in parts. The last part is a copy, so that it does
/// not keep the memory of the whole frame.
fn part(mut data: Bytes, rest: &mut Bytes) -> Bytes {
    if data.len() <= LARGE_BYTES {
        return data;
    }
    let part = data.split_to(PART_BYTES);
    *rest = if data.len() <= LARGE_BYTES { Bytes::copy_from_slice(&data) } else { data };
    part
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn the_more_bodies_come_in_the_less_is_read_at_once() {
        let inflow = Inflow::default();
        let (mut client, server) = duplex(1 << 20);
        let mut server = Watched::new(server, Arc::new(Activity::of_one(0)), inflow.clone());
        client.write_all(&vec![b'x'; 700 << 10]).await.unwrap();
        let mut buffer = vec![0; 512 << 10];
        assert_eq!(server.read(&mut buffer).await.unwrap(), 512 << 10);
        let bodies: Vec<_> = (0..64).map(|_| inflow.begin()).collect();
        let mut crowded = vec![0; 512 << 10];
        assert_eq!(server.read(&mut crowded).await.unwrap(), (64 << 10) - 1);
        assert!(crowded[..(64 << 10) - 1].iter().all(|byte| *byte == b'x'));
        drop(bodies);
        assert_eq!(server.read(&mut buffer).await.unwrap(), ((700 - 512 - 64) << 10) + 1);
    }
}
