//! Fixed answers to connections that are not served.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::activity::Activity;
use super::inflow::Inflow;
use super::watched::Watched;

/// Time for a client to take a refusal.
pub(super) const REFUSAL_TIME: Duration = Duration::from_secs(2);

// Plain text, because a 4xx answer in JSON must carry an error code of the API, and none of them fits.
pub(super) const REQUEST_TIMEOUT: &str = "HTTP/1.1 408 Request Timeout\r\n\
    content-type: text/plain\r\n\
    content-length: 46\r\n\
    connection: close\r\n\r\n\
    the head of the request did not come in time.\n";

pub(super) const TOO_MANY_CONNECTIONS: &str = "HTTP/1.1 503 Service Unavailable\r\n\
    content-type: application/json\r\n\
    content-length: 78\r\n\
    retry-after: 1\r\n\
    connection: close\r\n\r\n\
    {\"errors\":[{\"code\":\"UNAVAILABLE\",\"message\":\"too many connections are open\"}]}\n";

pub(super) const NOT_TLS: &str = "HTTP/1.1 400 Bad Request\r\n\
    content-type: text/plain\r\n\
    content-length: 65\r\n\
    connection: close\r\n\r\n\
    this port speaks https only; the request came without encryption\n";

/// Most refusals that are written at one time. Further connections are closed without an answer.
const REFUSALS: usize = 64;

/// Refuses connections that have no place. Cheap to clone; clones share the bound.
#[derive(Clone, Debug)]
pub(super) struct Refusals(Arc<Semaphore>);

impl Default for Refusals {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(REFUSALS)))
    }
}

impl Refusals {
    /// Writes `answer` and closes the connection. Reads on for a moment, so that the client receives the answer.
    ///
    /// The caller must have given back the place of the connection: a client can take the whole of [`REFUSAL_TIME`].
    pub(super) async fn refuse<T>(&self, stream: T, answer: &'static str)
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let Ok(_permit) = self.0.try_acquire() else { return };
        write(Watched::new(stream, Arc::new(Activity::of_one(0)), Inflow::default()), answer).await;
    }
}

/// Writes `answer` on a connection that was served before, and closes it in the same way.
pub(super) async fn write<T>(mut io: Watched<T>, answer: &'static str)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let answered = async {
        io.write_all(answer.as_bytes()).await?;
        io.shutdown().await
    };
    // It does not matter whether the client receives it.
    let _ = timeout(REFUSAL_TIME, answered).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_announce_their_length() {
        for answer in [REQUEST_TIMEOUT, TOO_MANY_CONNECTIONS, NOT_TLS] {
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(
                head.contains(&format!("content-length: {}\r\n", body.len())),
                "{}",
                body.len()
            );
        }
    }
}
