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
use hyper::server::conn::http1::{Builder, Connection};
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::activity::{Activity, Overdue, Phase};
use super::watched::{Attended, Watched};
use super::{ConnectionLimits, Peer, Shutdown};

/// Read and write buffer of a connection: the frames of a body are as large as one read, and few large frames cost
/// less than many small ones.
const BUFFER_BYTES: usize = 512 * 1024;

/// How long an idle connection is kept after stopping began, for the request that is already on the wire.
const CROSSING_TIME: Duration = Duration::from_millis(100);

/// How long to wait for a client to take a refusal.
const REFUSAL_TIME: Duration = Duration::from_secs(2);

/// A timer at rest: beyond any deadline, within what a timer can hold.
const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

// Plain text: none of the API's error codes, which alone a 4xx in JSON may carry, is about time.
const REQUEST_TIMEOUT: &str = "HTTP/1.1 408 Request Timeout\r\n\
    content-type: text/plain\r\n\
    content-length: 46\r\n\
    connection: close\r\n\r\n\
    the head of the request did not come in time.\n";

const TOO_MANY_CONNECTIONS: &str = "HTTP/1.1 503 Service Unavailable\r\n\
    content-type: application/json\r\n\
    content-length: 78\r\n\
    retry-after: 1\r\n\
    connection: close\r\n\r\n\
    {\"errors\":[{\"code\":\"UNAVAILABLE\",\"message\":\"too many connections are open\"}]}\n";

/// What the errors of services and bodies become.
pub(super) type BoxError = Box<dyn Error + Send + Sync>;

type Io = TokioIo<Watched<TcpStream>>;

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
pub(super) async fn run<S, B>(
    stream: TcpStream,
    peer: Peer,
    limits: ConnectionLimits,
    stop: Stop,
    service: S,
) where
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<BoxError>,
{
    let activity = Arc::new(Activity::new());
    let io = TokioIo::new(Watched::new(stream, Arc::clone(&activity)));
    let service = Attended { service, peer, activity: Arc::clone(&activity) };
    let mut connection = builder(&limits).serve_connection(io, service);
    match watch(&mut connection, &activity, &limits, &stop).await {
        End::Closed(Ok(())) => {}
        End::Closed(Err(error)) => {
            // Routine: clients hang up in mid-pull, and garbage gets its 400 from hyper.
            let error: &dyn Error = &error;
            debug!(peer = %peer.0, error, "connection ended early");
        }
        End::Overdue(Overdue::Head) => {
            debug!(peer = %peer.0, "the head of a request was not there in time");
            refuse(connection.into_parts().io.into_inner(), REQUEST_TIMEOUT).await;
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

/// Drives a connection under the clocks of [`Activity`].
async fn watch<S, B>(
    connection: &mut Connection<Io, Attended<S>>,
    activity: &Activity,
    limits: &ConnectionLimits,
    stop: &Stop,
) -> End
where
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<BoxError>,
{
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
                Pin::new(&mut *connection).graceful_shutdown();
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

/// Answers a connection that is not served.
pub(super) async fn turn_away(stream: TcpStream) {
    refuse(Watched::new(stream, Arc::new(Activity::new())), TOO_MANY_CONNECTIONS).await;
}

async fn refuse(mut io: Watched<TcpStream>, answer: &'static str) {
    let say = async {
        io.write_all(answer.as_bytes()).await?;
        io.shutdown().await
    };
    // Whether the client hears it is its own affair.
    let _ = timeout(REFUSAL_TIME, say).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_announce_their_length() {
        for answer in [REQUEST_TIMEOUT, TOO_MANY_CONNECTIONS] {
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(
                head.contains(&format!("content-length: {}\r\n", body.len())),
                "{}",
                body.len()
            );
        }
    }
}
