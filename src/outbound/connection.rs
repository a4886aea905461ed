//! One HTTP/1 connection to a server.
//!
//! It belongs to its user; dropping it closes the socket at once, whatever was under way.

use std::error::Error;

use bytes::Bytes;
use http_body::Body;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::AbortHandle;
use tokio_util::io::{InspectReader, InspectWriter};

use crate::stream::bulk;

/// Largest read buffer of a connection, and so the largest frame of an answer. Few large frames cost less than many small
/// ones, but a pull whose client stops reading keeps about two of them here. The write buffer takes one frame more once it
/// holds less than this.
const BUFFER: usize = 64 << 10;

/// Buffer of the system for a connection that sends a large body: the size of a large frame.
pub(super) const SENDING: usize = 512 << 10;

/// The way in which a connection is closed when it is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// As usual: what was written is still sent.
    Usual,
    /// By a reset, and under TLS without a `close_notify`: the server sees an error, not an end. A unix socket has no reset,
    /// and is closed as usual.
    Reset,
}

/// Bodies of requests.
pub trait Outgoing:
    Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static
{
}

impl<B> Outgoing for B where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static
{
}

/// One connection, for one request at a time.
pub struct Connection<B> {
    requests: SendRequest<B>,
    close: Close,
    _driver: Driver,
}

/// The task that moves the bytes. It ends when this value is dropped.
struct Driver(AbortHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<B: Outgoing> Connection<B> {
    /// Speaks HTTP over a stream that was opened to be closed in this way.
    pub(super) async fn over(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        close: Close,
    ) -> hyper::Result<Self> {
        let stream = InspectWriter::new(stream, |bytes| bulk::moved(bytes.len()));
        let stream = InspectReader::new(stream, |bytes| bulk::moved(bytes.len()));
        let handshake = Builder::new().max_buf_size(BUFFER).handshake(TokioIo::new(stream));
        let (requests, connection) = handshake.await?;
        // Errors of the connection also reach the caller that waits for the answer.
        let driver = tokio::spawn(bulk::Task::new(async { drop(connection.await) }));
        Ok(Self { requests, close, _driver: Driver(driver.abort_handle()) })
    }

    /// Sends a request. The future ends with the head of the answer, which may come before the body is sent.
    pub fn send(
        &mut self,
        request: Request<B>,
    ) -> impl Future<Output = hyper::Result<Response<Incoming>>> + Send + use<B> {
        self.requests.send_request(request)
    }

    /// Sends a request as [`send`](Self::send) does; the error returns the request if nothing of it was sent.
    pub fn try_send(
        &mut self,
        request: Request<B>,
    ) -> impl Future<Output = Result<Response<Incoming>, TrySendError<Request<B>>>> + Send + use<B>
    {
        self.requests.try_send_request(request)
    }

    pub(super) fn close(&self) -> Close {
        self.close
    }

    pub(super) fn is_closed(&self) -> bool {
        self.requests.is_closed()
    }

    pub(super) fn is_ready(&self) -> bool {
        self.requests.is_ready()
    }
}
