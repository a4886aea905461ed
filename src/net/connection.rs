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
use super::places::Place;
use super::refusal::{self, REFUSAL_TIME, REQUEST_TIMEOUT};
use super::serve::Serve;
use super::watch::{CROSSING_TIME, End, Served, Stop, Watch};
use super::watched::{Tracked, Watched};

/// Size of the read and the write buffer of a connection. A frame of a body is at most as large as the buffer, and few
/// large frames cost less than many small ones. Where many bodies come in, each read takes less (`inflow`). Bodies of answers
/// bound themselves to less too (`stream/bounded`).
const BUFFER_BYTES: usize = 512 * 1024;

/// A connection that is ready for HTTP.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    pub(super) peer: Peer,
    /// TLS of the connection; `None` without TLS.
    pub(super) secured: Option<Secured>,
    /// Whether client and server agreed on HTTP/2.
    pub(super) http2: bool,
}

/// Serves requests until the connection ends.
pub(super) async fn run<T, S>(
    stream: T,
    arrival: Arrival,
    limits: ConnectionLimits,
    stop: Stop,
    service: S,
    place: &Place,
) where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
    S: Serve,
{
    let Arrival { peer, secured, http2 } = arrival;
    let rate = limits.rate;
    let activity = Arc::new(if http2 { Activity::of_many(rate) } else { Activity::of_one(rate) });
    place.follow(&activity);
    let inflow = place.inflow();
    let io = TokioIo::new(Watched::new(stream, Arc::clone(&activity), inflow.clone()));
    let service =
        Tracked { service, peer, secured, activity: Arc::clone(&activity), inflow: inflow.clone() };
    if http2 {
        let (streams, _ended) = Streams::new(Arc::clone(&activity), limits.idle_time);
        let mut connection = http2::builder(&limits, streams).serve_connection(io, service);
        let end = Watch::new(&mut connection, &activity, &limits, &stop, place.leave()).await;
        note(peer, &end);
        let farewell = match end {
            End::Overdue(Overdue::Idle) => REFUSAL_TIME,
            End::GaveWay => CROSSING_TIME,
            _ => return,
        };
        // Sends GOAWAY, so that the client sends no request into a closed connection.
        connection.finish();
        let _ = timeout(farewell, connection).await;
        return;
    }
    let mut connection = builder(&limits).serve_connection(io, service);
    let end = Watch::new(&mut connection, &activity, &limits, &stop, place.leave()).await;
    note(peer, &end);
    let mut io = connection.into_parts().io.into_inner();
    match end {
        End::Overdue(Overdue::Head) => refusal::write(io, REQUEST_TIMEOUT).await,
        // Only the end of TLS is left to send, if the client takes it at once.
        End::Overdue(Overdue::Idle) | End::GaveWay => {
            let _ = timeout(CROSSING_TIME, io.shutdown()).await;
        }
        _ => {}
    }
}

fn note(peer: Peer, end: &End) {
    match end {
        End::Closed(Ok(())) => {}
        End::Closed(Err(error)) => {
            // Not worth a warning: clients hang up during a pull, and hyper answers garbage with 400.
            let error: &dyn Error = error;
            debug!(peer = %peer.0, error, "connection ended early");
        }
        End::Overdue(overdue) => debug!(peer = %peer.0, ?overdue, "connection closed"),
        End::GaveWay => debug!(peer = %peer.0, "connection closed to make room for another"),
        End::Cut => debug!(peer = %peer.0, "connection cut"),
    }
}

fn builder(limits: &ConnectionLimits) -> Builder {
    let mut builder = Builder::new();
    builder
        .timer(TokioTimer::new())
        // hyper would count the time before the first byte too. `Activity` counts the two apart.
        .header_read_timeout(None)
        .max_header_size(limits.header_bytes)
        .max_buf_size(BUFFER_BYTES.max(limits.header_bytes))
        .keep_alive(true)
        .half_close(false);
    builder
}

impl<T, S> Served for http1::Connection<TokioIo<Watched<T>>, Tracked<S>>
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
    S: Serve,
{
    fn finish(&mut self) {
        Pin::new(self).graceful_shutdown();
    }
}

impl<T, S> Served
    for hyper::server::conn::http2::Connection<TokioIo<Watched<T>>, Tracked<S>, Streams>
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
    S: Serve,
{
    fn finish(&mut self) {
        Pin::new(self).graceful_shutdown();
    }
}
