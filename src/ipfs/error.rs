//! How a call to Kubo fails.

use hyper::StatusCode;
use thiserror::Error;

use crate::cid::Cid;

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

impl Refusal {
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
    let mut text = format!("{what}: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    IpfsError::Unavailable(text)
}

/// Kubo's words, in one line and of bounded length.
pub(super) fn text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * TEXT)]);
    let line: String = text.trim().chars().take(TEXT).collect();
    line.replace(|c: char| c.is_control(), " ")
}
