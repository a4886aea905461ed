//! Opening the rest of a file whose read broke off.
//!
//! A broken connection does not tell a Kubo that was stopped from one that met a damaged block: a gateway breaks the
//! connection in both cases. The reader of a whole file compares its digest, so it may simply read on. A part of a file has
//! no digest. It is read on only if Kubo was seen to be gone, or if Kubo holds all blocks of the part with their right
//! lengths.

use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::info;

use super::answer::Answer;
use super::error::IpfsError;
use super::source::Source;
use crate::outbound::AWAY;
use crate::telemetry::metrics::{self, Call};
use crate::telemetry::trace;

/// A task that opens the rest of a read. It works also while the client of the read takes no bytes. Dropping this ends it.
pub(super) struct Resumption(JoinHandle<Result<(Answer, Call), IpfsError>>);

impl Resumption {
    /// Opens the bytes of `range` from `at` on, in place of a read that ended with `broken`.
    pub(super) fn start(source: Source, range: Range<u64>, at: u64, broken: IpfsError) -> Self {
        let resuming = async move {
            let opened = reopen(&source, &range, at, broken).await?;
            metrics::read_resumed();
            info!(
                event = "read_resumed", ipfs_cid = %source.cid, offset = at,
                "the connection to Kubo broke in the middle of a file, and the read goes on from there"
            );
            Ok(opened)
        };
        Self(tokio::spawn(trace::within(trace::current(), resuming)))
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(Answer, Call), IpfsError>> {
        let ended = ready!(Pin::new(&mut self.0).poll(cx));
        Poll::Ready(ended.unwrap_or_else(|error| Err(IpfsError::Gone(error.to_string()))))
    }
}

impl Drop for Resumption {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn reopen(
    source: &Source,
    range: &Range<u64>,
    at: u64,
    broken: IpfsError,
) -> Result<(Answer, Call), IpfsError> {
    let whole = *range == (0..source.size);
    let mut patience = source.origin().waiting().until(Instant::now() + AWAY);
    let mut was_gone = false;
    loop {
        match source.open(&(at..range.end)).await {
            Ok(opened) => {
                if !whole && !was_gone {
                    source.kubo.examine_part(&source.cid, source.size, range).await?;
                }
                return Ok(opened);
            }
            Err(IpfsError::Gone(_)) => was_gone = true,
            Err(definite) => return Err(definite),
        }
        if !patience.again().await {
            return Err(broken);
        }
    }
}
