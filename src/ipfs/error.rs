//! How a call to Kubo fails.

use hyper::StatusCode;
use serde::Deserialize;
use thiserror::Error;

use crate::ipld::Cid;
use crate::telemetry::with_causes;

/// Longest text of Kubo that goes into an error.
const TEXT: usize = 400;

/// Why a call to Kubo failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum IpfsError {
    /// It could not be reached, did not answer in time, went away, or has trouble of its own. Nothing is known about
    /// the content; the same call may work later.
    #[error("Kubo is unavailable: {0}")]
    Unavailable(String),
    /// A block is not in the node. Reads never ask the network.
    #[error("block {0} is not in the node")]
    Missing(Cid),
    /// It understood and said no: a setting of the node, or a version that lacks an option.
    #[error("Kubo refused {call} ({status}): {message}")]
    Refused {
        /// The RPC, or `gateway`.
        call: &'static str,
        /// The status of its answer.
        status: u16,
        /// What it said.
        message: String,
    },
    /// It answered, but not with what was stored or asked for: an error in the trailer, a short or long answer,
    /// another CID.
    #[error("Kubo's answer is broken: {0}")]
    Broken(String),
}

/// An answer of Kubo that is not a success.
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
    /// What an answer means that is not a success: by its status, and by the text in its body.
    pub fn refused(call: &'static str, status: StatusCode, body: &[u8], cid: &Cid) -> Self {
        Refusal::parse(call, status, body).about(cid)
    }
}

impl Refusal {
    /// Reads the body of an answer. What is not JSON counts as text.
    pub(super) fn parse(call: &'static str, status: StatusCode, body: &[u8]) -> Self {
        let message = serde_json::from_slice::<Message>(body).map(|json| json.message);
        let message = message.unwrap_or_else(|_| text(body));
        Self { call, status, message }
    }

    /// Whether Kubo says that it does not hold a block.
    pub(super) fn is_missing(&self) -> bool {
        is_missing(&self.message)
            || (self.call == "gateway"
                && matches!(self.status, StatusCode::NOT_FOUND | StatusCode::PRECONDITION_FAILED))
    }

    /// The error of a call that named `cid`.
    pub(super) fn about(self, cid: &Cid) -> IpfsError {
        if self.is_missing() { IpfsError::Missing(*cid) } else { self.into() }
    }
}

impl From<Refusal> for IpfsError {
    fn from(refusal: Refusal) -> Self {
        let Refusal { call, status, message } = refusal;
        let message = text(message.as_bytes());
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

/// A failure of the connection during `what`.
pub(super) fn unavailable(what: &str, error: &(dyn std::error::Error + 'static)) -> IpfsError {
    IpfsError::Unavailable(format!("{what}: {}", with_causes(error)))
}

/// Kubo's words, in one line and of bounded length.
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
