//! One connection, from its first byte to its last.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;

use hyper::server::conn::http1::{self, Builder};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tracing::debug;

use super::activity::{Activity, Overdue};
use super::http2::{self, Streams};
use super::limits::ConnectionLimits;
use super::peer::{Peer, Secured};
use super::refusal::{self, REFUSAL_TIME, REQUEST_TIMEOUT};
use super::serve::Serve;
use super::watch::{CROSSING_TIME, End, Served, Stop, Watch};
use super::watched::{Attended, Watched};

/// Read and write buffer of a connection: the frames of a body are as large as one read, and few large frames cost
/// less than many small ones.
const BUFFER_BYTES: usize = 512 * 1024;

/// Who is at the other end, and by which way.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    pub(super) peer: Peer,
    /// Under TLS.
    pub(super) secured: Option<Secured>,
    /// Agreed on HTTP/2.
    pub(super) http2: bool,
}

/// Serves requests until the connection ends.
pub(super) async fn run<T, S>(
    stream: T,
    arrival: Arrival,
    limits: ConnectionLimits,
    stop: Stop,
    service: S,
) where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
    S: Serve,
{
    let Arrival { peer, secured, http2 } = arrival;
    let activity = Arc::new(if http2 { Activity::of_many() } else { Activity::of_one() });
    let io = TokioIo::new(Watched::new(stream, Arc::clone(&activity)));
    let service = Attended { service, peer, secured, activity: Arc::clone(&activity) };
    if http2 {
        let (streams, _ended) = Streams::new(Arc::clone(&activity), limits.idle_time);
        let mut connection = http2::builder(&limits, streams).serve_connection(io, service);
        let end = Watch::new(&mut connection, &activity, &limits, &stop).await;
        note(peer, &end);
        if let End::Overdue(Overdue::Idle) = end {
            // Says GOAWAY, so that no request is sent into a closed connection.
            connection.finish();
            let _ = timeout(REFUSAL_TIME, connection).await;
        }
        return;
    }
    let mut connection = builder(&limits).serve_connection(io, service);
    let end = Watch::new(&mut connection, &activity, &limits, &stop).await;
    note(peer, &end);
    let mut io = connection.into_parts().io.into_inner();
    match end {
        End::Overdue(Overdue::Head) => refusal::write(io, REQUEST_TIMEOUT).await,
        // Nothing to say but the end of TLS, if it can be said at once.
        End::Overdue(Overdue::Idle) => {
            let _ = timeout(CROSSING_TIME, io.shutdown()).await;
        }
        _ => {}
    }
}

fn note(peer: Peer, end: &End) {
    match end {
        End::Closed(Ok(())) => {}
        End::Closed(Err(error)) => {
            // Routine: clients hang up in mid-pull, and garbage gets its 400 from hyper.
            let error: &dyn Error = error;
            debug!(peer = %peer.0, error, "connection ended early");
        }
        End::Overdue(overdue) => debug!(peer = %peer.0, ?overdue, "connection closed"),
        End::Cut => debug!(peer = %peer.0, "connection cut"),
    }
}

fn builder(limits: &ConnectionLimits) -> Builder {
    let mut builder = Builder::new();
    builder
        .timer(TokioTimer::new())
        // Counts the idle time, too; the clocks of this room do it apart.
        .header_read_timeout(None)
        .max_header_size(limits.header_bytes)
        .max_buf_size(BUFFER_BYTES.max(limits.header_bytes))
        .keep_alive(true)
        .half_close(false);
    builder
}

impl<T, S> Served for http1::Connection<TokioIo<Watched<T>>, Attended<S>>
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
    S: Serve,
{
    fn finish(&mut self) {
        Pin::new(self).graceful_shutdown();
    }
}

impl<T, S> Served
    for hyper::server::conn::http2::Connection<TokioIo<Watched<T>>, Attended<S>, Streams>
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
    S: Serve,
{
    fn finish(&mut self) {
        Pin::new(self).graceful_shutdown();
    }
}
