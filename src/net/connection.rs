//! One connection, from its first byte to its last.

use std::error::Error;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1::{self, Builder};
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::activity::{Activity, Overdue, Phase};
use super::http2::{self, Streams};
use super::refusal::{self, REFUSAL_TIME, REQUEST_TIMEOUT};
use super::watched::{Attended, Watched};
use super::{ConnectionLimits, Peer, Secured, Shutdown};

/// Read and write buffer of a connection: the frames of a body are as large as one read, and few large frames cost
/// less than many small ones.
const BUFFER_BYTES: usize = 512 * 1024;

/// How long an idle connection is kept after stopping began, for the request that is already on the wire.
const CROSSING_TIME: Duration = Duration::from_millis(100);

/// A timer at rest: beyond any deadline, within what a timer can hold.
const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

/// What the errors of services and bodies become.
pub(super) type BoxError = Box<dyn Error + Send + Sync>;

/// Who is at the other end, and by which way.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    pub(super) peer: Peer,
    /// Under TLS.
    pub(super) secured: Option<Secured>,
    /// Agreed on HTTP/2.
    pub(super) http2: bool,
}

/// How a connection ended.
enum End {
    /// By HTTP: closed by either side, or torn.
    Closed(hyper::Result<()>),
    /// By one of our clocks.
    Overdue(Overdue),
    /// By the end of the drain time.
    Cut,
}

/// Serves requests until the connection ends.
pub(super) async fn run<T, S, B>(
    stream: T,
    arrival: Arrival,
    limits: ConnectionLimits,
    stop: Stop,
    service: S,
) where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let Arrival { peer, secured, http2 } = arrival;
    let activity = Arc::new(if http2 { Activity::of_many() } else { Activity::of_one() });
    let io = TokioIo::new(Watched::new(stream, Arc::clone(&activity)));
    let service = Attended { service, peer, secured, activity: Arc::clone(&activity) };
    if http2 {
        let (streams, _ended) = Streams::new(Arc::clone(&activity), limits.idle_time);
        let mut connection = http2::builder(&limits, streams).serve_connection(io, service);
        let end = watch(&mut connection, &activity, &limits, &stop).await;
        note(peer, &end);
        if let End::Overdue(Overdue::Idle) = end {
            // Says GOAWAY, so that no request is sent into a closed connection.
            connection.finish();
            let _ = timeout(REFUSAL_TIME, connection).await;
        }
        return;
    }
    let mut connection = builder(&limits).serve_connection(io, service);
    let end = watch(&mut connection, &activity, &limits, &stop).await;
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

/// The two steps of stopping, as a connection sees them.
#[derive(Clone, Debug)]
pub(super) struct Stop {
    /// Finish what runs.
    pub(super) shutdown: Shutdown,
    /// Give up.
    pub(super) cut: CancellationToken,
}

/// What hyper's connections of either version can do.
trait Served: Future<Output = hyper::Result<()>> + Unpin {
    /// Ends it when what runs is done.
    fn finish(&mut self);
}

impl<T, S, B> Served for http1::Connection<TokioIo<Watched<T>>, Attended<S>>
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<BoxError>,
{
    fn finish(&mut self) {
        Pin::new(self).graceful_shutdown();
    }
}

impl<T, S, B> Served
    for hyper::server::conn::http2::Connection<TokioIo<Watched<T>>, Attended<S>, Streams>
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn finish(&mut self) {
        Pin::new(self).graceful_shutdown();
    }
}

/// Drives a connection under the clocks of [`Activity`].
async fn watch(
    connection: &mut impl Served,
    activity: &Activity,
    limits: &ConnectionLimits,
    stop: &Stop,
) -> End {
    let mut timer = pin!(sleep(limits.idle_time));
    let mut cut = pin!(stop.cut.cancelled());
    let mut begun = pin!(stop.shutdown.begun());
    let mut stopping = Stopping::No;
    poll_fn(move |cx| {
        if cut.as_mut().poll(cx).is_ready() {
            return Poll::Ready(End::Cut);
        }
        loop {
            if let Poll::Ready(result) = Pin::new(&mut *connection).poll(cx) {
                return Poll::Ready(End::Closed(result));
            }
            if stopping == Stopping::No && begun.as_mut().poll(cx).is_ready() {
                stopping = Stopping::Since(Instant::now());
            }
            if stopping.may_tell(activity.phase()) {
                stopping = Stopping::Told;
                connection.finish();
                continue;
            }
            // The timer may be early and is never late: it is moved forward at once and backward only when it
            // fires, so that a busy connection does not move it with every request.
            let next = activity.deadline(limits);
            let next_at = next.map_or_else(|| Instant::now() + NEVER, |(at, _)| at);
            let next_at = stopping.next(next_at);
            if next_at < timer.deadline() {
                timer.as_mut().reset(next_at);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            match next {
                Some((at, overdue)) if at <= Instant::now() => {
                    return Poll::Ready(End::Overdue(overdue));
                }
                _ => timer.as_mut().reset(next_at),
            }
        }
    })
    .await
}

/// Whether hyper was told that the server stops. Told while a request runs, it announces the close with the answer.
/// Told in mid-head or just before a request that is on the wire, it would close over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopping {
    No,
    Since(Instant),
    Told,
}

impl Stopping {
    fn may_tell(self, phase: Phase) -> bool {
        let Self::Since(since) = self else { return false };
        match phase {
            Phase::Request => true,
            Phase::Head(_) => false,
            Phase::Idle(_) => since.elapsed() >= CROSSING_TIME,
        }
    }

    /// When to look again, at most `at`.
    fn next(self, at: Instant) -> Instant {
        match self {
            Self::Since(since) if since.elapsed() < CROSSING_TIME => at.min(since + CROSSING_TIME),
            _ => at,
        }
    }
}
