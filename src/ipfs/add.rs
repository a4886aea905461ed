//! Streams a file into Kubo.
//!
//! Nothing is pinned: Kubo would hold its pin lock for as long as the client takes, and pin again what is pinned already.
//!
//! A `Hash` in the answer is not yet a success: Kubo sends it before it syncs the file, and reports a later failure only in
//! the trailer (Kubo `core/coreunix/add.go`). Kubo also takes a body that merely stops for a shorter
//! file. So an add succeeds when the answer ended cleanly and has one `Hash` whose size fits the bytes that were sent, and
//! an add that is given up ends with a reset of its connection. Over a unix socket, which has no reset, Kubo may store a
//! shorter file then. It has no pin, and nobody learns its CID, so it is garbage.

use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use hyper::Response;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use tokio::time::timeout;

use super::answer::Answer;
use super::error::{IpfsError, broken_off, text};
use super::kubo::Kubo;
use super::multipart::{Envelope, Outgoing, Sender};
use super::origin::{Connection, Origin};
use super::patience::patient;
use super::{answer, rpc, way};
use crate::ipld::dag::stored_size;
use crate::ipld::profile::{CHUNKER, LEAF_BYTES, MAX_LINKS};
use crate::ipld::{Cid, Codec};
use crate::outbound::Close;
use crate::telemetry::metrics::{self, Call};
use crate::telemetry::trace;

/// Options of the profile `unixfs-v1-2025`. Every option that shapes the tree is named, so that no setting of a node
/// changes a CID.
static OPTIONS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "?cid-version=1&raw-leaves=true&chunker={CHUNKER}&max-file-links={MAX_LINKS}\
         &pin=false&progress=false&fast-provide-root=false"
    )
});
/// Longest time in which Kubo takes no bytes.
const STALL: Duration = Duration::from_secs(60);
/// Time after the last byte for Kubo to sync and answer.
const ANSWER: Duration = Duration::from_secs(60);
/// Time to wait for an answer after the connection broke.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Longest answer in bytes. It is one line.
const LINE: usize = 16 << 10;

type Head = Pin<Box<dyn Future<Output = hyper::Result<Response<Incoming>>> + Send>>;

/// A file that is being sent to Kubo, on a connection of its own.
///
/// Dropping it before [`finish`](Self::finish) resets the connection: the file gets no CID.
pub struct Add {
    sender: Sender,
    sent: u64,
    /// `None` once the add has failed.
    reply: Option<Reply>,
}

/// The answer that is expected. Dropping it resets the connection.
struct Reply {
    head: Head,
    connection: Connection,
    origin: Arc<Origin>,
    call: Call,
}

/// A file that Kubo has stored and synced to disk as its settings say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Added {
    /// CID of the file.
    pub cid: Cid,
}

impl Kubo {
    /// Begins to add a file. Waits for a Kubo that is gone, since nothing is sent yet.
    pub async fn begin_add(&self) -> Result<Add, IpfsError> {
        let call = metrics::kubo_call(way::Call::Add.name());
        let origin = Arc::clone(self.origin(way::Call::Add));
        let opened = patient(&origin, || origin.open(Close::Reset));
        let mut connection = match opened.await {
            Ok(connection) => connection,
            Err(error) => return call.end(Err(error)),
        };
        let envelope = Envelope::new();
        let (sender, body) = Outgoing::arriving(&envelope);
        let mut request = rpc::post(rpc::uri(way::Call::Add.name(), &OPTIONS)?, body);
        if let Ok(content_type) = HeaderValue::try_from(envelope.content_type()) {
            request.headers_mut().insert(CONTENT_TYPE, content_type);
        }
        let request = trace::enter(call.context(), || origin.address(request));
        let head = Box::pin(connection.send(request));
        Ok(Add { sender, sent: 0, reply: Some(Reply { head, connection, origin, call }) })
    }
}

impl Add {
    /// Sends the next bytes. Waits until the connection has taken those before.
    ///
    /// After an error the file is lost. It is also lost when the future is dropped before it is ready.
    pub async fn send(&mut self, frame: Bytes) -> Result<(), IpfsError> {
        if frame.is_empty() {
            return Ok(());
        }
        self.sent += frame.len() as u64;
        // Put back once the frame was taken. Otherwise the file is lost.
        let Some(mut reply) = self.reply.take() else { return Err(lost("an earlier part")) };
        let early = tokio::select! {
            biased;
            early = &mut reply.head => early,
            taken = timeout(STALL, self.sender.send(frame)) => match taken {
                Ok(true) => {
                    self.reply = Some(reply);
                    return Ok(());
                }
                Ok(false) => match timeout(LAST_WORDS, &mut reply.head).await {
                    Ok(early) => early,
                    Err(_) => return reply.call.end(Err(lost("the connection"))),
                },
                Err(_) => return reply.call.end(Err(lost(&format!("{STALL:?} to a stall")))),
            },
        };
        let result = refused(early, reply.connection, reply.origin).await;
        reply.call.end(Err(result))
    }

    /// Ends the file. When this returns, all bytes are handed over. The future waits for Kubo to sync, pin and answer. If
    /// the future is dropped, the file may be stored or not.
    pub fn finish(self) -> impl Future<Output = Result<Added, IpfsError>> + Send + 'static {
        let Self { sender, sent, reply } = self;
        if reply.is_some() {
            sender.finish();
        }
        async move {
            let Some(Reply { head, connection, origin, call }) = reply else {
                return Err(lost("an earlier part"));
            };
            let added = timeout(ANSWER, added(head, connection, origin, sent)).await;
            let late = |_| IpfsError::Unavailable(format!("add got no answer in {ANSWER:?}"));
            call.end(added.map_err(late).and_then(|added| added))
        }
    }
}

/// Reads the answer to a complete file of `sent` bytes.
async fn added(
    head: Head,
    connection: Connection,
    origin: Arc<Origin>,
    sent: u64,
) -> Result<Added, IpfsError> {
    let head = head.await.map_err(|error| broken_off("add", &error))?;
    let body = Answer::new("add", head, connection, origin).accepted().await??.bytes(LINE).await?;
    Added::parse(&body, sent)
}

impl Added {
    /// Parses the answer of `add` to a file of `sent` bytes.
    ///
    /// # Errors
    /// [`IpfsError::Broken`] unless it is a single line that fits the bytes sent.
    pub fn parse(body: &[u8], sent: u64) -> Result<Self, IpfsError> {
        #[derive(Deserialize)]
        struct Line {
            #[serde(rename = "Hash", deserialize_with = "answer::cid")]
            hash: Cid,
            #[serde(rename = "Size")]
            size: String,
        }
        let broken = || IpfsError::Broken(format!("add of {sent} bytes answered `{}`", text(body)));
        // A second line would be a second file. `from_slice` refuses more than one JSON value.
        let line: Line = serde_json::from_slice(body).map_err(|_| broken())?;
        let whole = line.size.parse() == Ok(stored_size(sent));
        let raw = sent <= LEAF_BYTES;
        if whole && raw == (line.hash.codec() == Codec::Raw) {
            Ok(Self { cid: line.hash })
        } else {
            Err(broken())
        }
    }
}

/// The error in an answer that came before the end of the file.
async fn refused(
    early: hyper::Result<Response<Incoming>>,
    connection: Connection,
    origin: Arc<Origin>,
) -> IpfsError {
    let head = match early {
        Ok(head) => head,
        Err(error) => return broken_off("add", &error),
    };
    match timeout(LAST_WORDS, Answer::new("add", head, connection, origin).accepted()).await {
        Ok(Ok(Err(refusal))) => refusal.into(),
        Ok(Ok(Ok(_))) => IpfsError::Broken("add answered before the end of the file".into()),
        Ok(Err(error)) => error,
        Err(_) => lost("an early answer"),
    }
}

fn lost(to: &str) -> IpfsError {
    IpfsError::Unavailable(format!("add was lost to {to}"))
}

#[cfg(test)]
mod tests {
    use super::{Added, IpfsError};

    const HELLO: &str = r#"{"Name":"blob","Hash":"bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq","Size":"5"}"#;

    #[test]
    fn one_line_that_fits_the_bytes_sent_is_a_success() {
        assert!(Added::parse(format!("{HELLO}\n").as_bytes(), 5).is_ok());
    }

    #[test]
    fn anything_else_is_broken() {
        let two = format!("{HELLO}\n{HELLO}\n");
        let node = HELLO.replace(
            "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq",
            "bafybeigrx6mtmwoe7ttahpxciis72e6lnundhdgh3czrgoost2enpyoe2e",
        );
        for (body, sent) in
            [("", 5), ("{}", 5), (&two, 5), (HELLO, 6), (HELLO, 2 << 20), (&node, 5)]
        {
            let parsed = Added::parse(body.as_bytes(), sent);
            assert!(matches!(parsed, Err(IpfsError::Broken(_))), "{body}");
        }
    }
}
