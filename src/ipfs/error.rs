//! Errors of calls to Kubo.

use hyper::StatusCode;
use serde::Deserialize;
use thiserror::Error;

use crate::ipld::Cid;
use crate::telemetry::with_causes;

/// Most characters of a text by Kubo that go into an error.
const TEXT: usize = 400;

/// Why a call to Kubo failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum IpfsError {
    /// Kubo could not be reached, or the connection broke. This says nothing about the content; the same call may succeed
    /// as soon as Kubo is back.
    #[error("Kubo is gone: {0}")]
    Gone(String),
    /// Kubo did not answer in time, or failed by itself. This says nothing about the content; the same call may succeed
    /// later.
    #[error("Kubo is unavailable: {0}")]
    Unavailable(String),
    /// The node does not hold a block. Reads never ask the network.
    #[error("Kubo does not hold block {0}")]
    Missing(Cid),
    /// Kubo understood the call and refused it, because of a setting of the node or a version that lacks an option.
    #[error("Kubo refused {call} ({status}): {message}")]
    Refused {
        /// Name of the RPC, or `gateway`.
        call: &'static str,
        /// HTTP status of the answer.
        status: u16,
        /// Text of the answer.
        message: String,
    },
    /// The answer does not fit what was stored or asked for. It has an error in the trailer, too few or too many bytes, or
    /// another CID.
    #[error("Kubo's answer is broken: {0}")]
    Broken(String),
}

/// An answer of Kubo that reports a failure.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) call: &'static str,
    pub(super) status: StatusCode,
    pub(super) message: String,
}

/// The JSON of an error (go-ipfs-cmds `Error`).
#[derive(Deserialize)]
struct Message {
    #[serde(rename = "Message")]
    message: String,
}

impl IpfsError {
    /// The error that an unsuccessful answer reports by its status and the text in its body.
    pub fn refused(call: &'static str, status: StatusCode, body: &[u8], cid: &Cid) -> Self {
        Refusal::parse(call, status, body).about(cid)
    }
}

impl Refusal {
    /// Parses the body of an answer. A body that is not JSON is taken as text.
    pub(super) fn parse(call: &'static str, status: StatusCode, body: &[u8]) -> Self {
        let message = serde_json::from_slice::<Message>(body).map(|json| json.message);
        let message = message.unwrap_or_else(|_| text(body));
        Self { call, status, message }
    }

    /// Whether the reason is that Kubo does not hold a block.
    pub(super) fn is_missing(&self) -> bool {
        is_missing(&self.message)
            || (self.call == "gateway"
                && matches!(self.status, StatusCode::NOT_FOUND | StatusCode::PRECONDITION_FAILED))
    }

    /// Converts the refusal of a call that named `cid`.
    pub(super) fn about(self, cid: &Cid) -> IpfsError {
        if self.is_missing() { IpfsError::Missing(*cid) } else { self.into() }
    }
}

impl From<Refusal> for IpfsError {
    fn from(refusal: Refusal) -> Self {
        let Refusal { call, status, message } = refusal;
        let message = text(message.as_bytes());
        // A proxy in front of Kubo answers so while Kubo restarts.
        let proxy = matches!(status, StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE);
        if proxy || (status.is_server_error() && is_stopping(&message)) {
            return Self::Gone(format!("{call} answered {status}: {message}"));
        }
        if is_damaged(&message) {
            return Self::Broken(format!("{call} answered {status}: {message}"));
        }
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            return Self::Unavailable(format!("{call} answered {status}: {message}"));
        }
        Self::Refused { call, status: status.as_u16(), message }
    }
}

/// Whether an error text means a block that is not in the node (boxo `blockservice`, go-ipld-format `ErrNotFound`).
pub(super) fn is_missing(message: &str) -> bool {
    message.contains("block was not found locally") || message.contains("ipld: could not find")
}

/// Whether an error text means that the bytes of a block are not those of its CID (boxo `blockstore`, `ErrHashMismatch`). A
/// node with `Datastore.HashOnRead` finds that out by itself.
fn is_damaged(message: &str) -> bool {
    message.contains("different hash than requested")
}

/// Whether an error text means that the node is being stopped. It then gives up what it is doing.
pub(super) fn is_stopping(message: &str) -> bool {
    message.contains("context canceled") || message.contains("closed")
}

/// The error of a connection that failed during `what`.
pub(super) fn broken_off(what: &str, error: &hyper::Error) -> IpfsError {
    let text = format!("{what}: {}", with_causes(error));
    if error.is_parse() { IpfsError::Unavailable(text) } else { IpfsError::Gone(text) }
}

/// A text by Kubo, in one line and of bounded length.
pub(super) fn text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * TEXT)]);
    let line: String = text.trim().chars().take(TEXT).collect();
    line.replace(|c: char| c.is_control(), " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kubo_says_stays_one_short_line() {
        let long = format!(r#"{{"Message":"one\ntwo {}"}}"#, "x".repeat(60_000));
        for status in [StatusCode::BAD_REQUEST, StatusCode::INTERNAL_SERVER_ERROR] {
            let text = IpfsError::from(Refusal::parse("add", status, long.as_bytes())).to_string();
            assert!(text.contains("one two xxx") && text.len() < 2 * TEXT, "{text}");
        }
    }
}
