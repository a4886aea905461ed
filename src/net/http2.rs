//! Settings of HTTP/2, and the tasks of its answers: a connection has many at once, each with its own time limit.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use hyper::rt::Executor;
use hyper::server::conn::http2::Builder;
use hyper_util::rt::TokioTimer;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::debug;

use super::activity::Activity;
use super::limits::ConnectionLimits;

/// Largest frame, as large as one read. Small frames cost a third of the throughput.
const FRAME_BYTES: u32 = 1 << 20;

/// Bytes that a client may send ahead on one stream. They allow 210 MB/s at a round trip of 20 ms.
const STREAM_WINDOW: u32 = 4 << 20;

/// Bytes that a client may send ahead on all streams together: four times as many as on one.
const CONNECTION_WINDOW: u32 = 16 << 20;

/// Bytes of one answer that may wait to be sent.
const SEND_BYTES: usize = 1 << 20;

/// Most requests at once on one connection.
const STREAMS: u32 = 128;

/// Streams that a client may open and reset before they are handled. Beyond them it gets a GOAWAY.
const PENDING_RESETS: usize = 20;
/// Streams that the server may reset for errors of the client. Beyond them it gets a GOAWAY.
const ERROR_RESETS: usize = 256;

/// How often a silent client is pinged.
const PING_TIME: Duration = Duration::from_secs(20);
/// How long a client may take to answer a ping.
const PONG_TIME: Duration = Duration::from_secs(20);

pub(super) fn builder(limits: &ConnectionLimits, streams: Streams) -> Builder<Streams> {
    let mut builder = Builder::new(streams);
    builder
        .timer(TokioTimer::new())
        .max_frame_size(FRAME_BYTES)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BYTES)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .max_local_error_reset_streams(ERROR_RESETS)
        .keep_alive_interval(PING_TIME)
        .keep_alive_timeout(PONG_TIME);
    builder
}

/// Runs the answers of one connection, each in a task. All of them end with the connection.
#[derive(Clone, Debug)]
pub(super) struct Streams {
    activity: Arc<Activity>,
    idle_time: Duration,
    ended: CancellationToken,
}

impl Streams {
    /// The returned guard ends all tasks when it is dropped.
    pub(super) fn new(activity: Arc<Activity>, idle_time: Duration) -> (Self, DropGuard) {
        let ended = CancellationToken::new();
        let guard = ended.clone().drop_guard();
        (Self { activity, idle_time, ended }, guard)
    }
}

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    /// The newest clock belongs to `stream`: hyper calls the service for a request and then, before any other call,
    /// executes the stream of that request. A test below fails if hyper changes that.
    fn execute(&self, stream: F) {
        let clock = self.activity.newest();
        let (idle_time, ended) = (self.idle_time, self.ended.clone());
        tokio::spawn(async move {
            let overdue = async {
                match clock {
                    Some(clock) => clock.overdue(idle_time).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = ended.cancelled() => {}
                () = stream => {}
                () = overdue => debug!("a client did not take its answer; the stream is reset"),
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Mutex;

    use bytes::Bytes;
    use http_body_util::Empty;
    use hyper::body::Incoming;
    use hyper::client::conn::http2::handshake;
    use hyper::service::service_fn;
    use hyper::{Request, Response};
    use hyper_util::rt::{TokioExecutor, TokioIo};

    use super::*;

    /// An executor that notes when a stream is executed.
    #[derive(Clone, Default)]
    struct Noting(Arc<Mutex<Vec<&'static str>>>);

    impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Noting {
        fn execute(&self, stream: F) {
            self.0.lock().unwrap().push("execute");
            tokio::spawn(stream);
        }
    }

    #[tokio::test]
    async fn hyper_executes_a_stream_right_after_the_call_for_it() {
        const REQUESTS: usize = 20;
        let noting = Noting::default();
        let notes = noting.0.clone();
        let service = service_fn(move |_: Request<Incoming>| {
            notes.lock().unwrap().push("call");
            async { Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())) }
        });
        let (server, client) = tokio::io::duplex(64 << 10);
        tokio::spawn(Builder::new(noting.clone()).serve_connection(TokioIo::new(server), service));
        let made = handshake(TokioExecutor::new(), TokioIo::new(client)).await;
        let (mut requests, connection) = made.unwrap();
        tokio::spawn(connection);
        let request = || Request::get("http://x/").body(Empty::<Bytes>::new()).unwrap();
        let answers: Vec<_> = (0..REQUESTS).map(|_| requests.send_request(request())).collect();
        for answer in answers {
            answer.await.unwrap();
        }
        assert_eq!(*noting.0.lock().unwrap(), ["call", "execute"].repeat(REQUESTS));
    }
}
