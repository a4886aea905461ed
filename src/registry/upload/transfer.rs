//! Taking the frames of a body off its client. What is sent to Kubo needs a slot; the first bytes do not.

use std::time::Duration;

use bytes::Bytes;

use super::incoming::{CountedBody, Incoming};
use crate::registry::transfers::Slot;
use crate::registry::{Registry, RegistryError};
use crate::telemetry::metrics::{self, Refusal};

/// How long an upload waits for a slot before its request is refused.
const SLOT_WAIT: Duration = Duration::from_secs(30);

/// Bytes that an upload may gather without a slot. A client of a byte a second needs none until its request has come to
/// this.
const POCKET: u64 = 16 << 10;

/// The slot of one request, as far as it has one.
pub(super) struct Transfer<'r> {
    registry: &'r Registry,
    subject: &'r str,
    slot: Option<Slot>,
}

/// What a body brings next.
pub(super) enum Next {
    /// Bytes of the body.
    Frame(Bytes),
    /// The body has ended as announced.
    End,
    /// The client is slow, and another upload waits for the slot, or blocks are about to be removed. Store what has come,
    /// and call [`Transfer::end`].
    Wanted,
}

impl<'r> Transfer<'r> {
    pub(super) fn new(registry: &'r Registry, subject: &'r str) -> Self {
        Self { registry, subject, slot: None }
    }

    /// Waits for the next frame of `body`, and for a slot when more than [`POCKET`] comes together with the `gathered`
    /// bytes.
    pub(super) async fn next(
        &mut self,
        body: &mut CountedBody<impl Incoming>,
        gathered: u64,
    ) -> Result<Next, RegistryError> {
        let frame = match &mut self.slot {
            None => body.next().await?,
            Some(slot) => tokio::select! {
                biased;
                frame = body.next() => frame?,
                () = slot.wanted() => return Ok(Next::Wanted),
                () = self.registry.collecting().closed() => return Ok(Next::Wanted),
            },
        };
        let Some(frame) = frame else { return Ok(Next::End) };
        if gathered + frame.len() as u64 > POCKET {
            self.begin().await?;
        }
        if let Some(slot) = &mut self.slot {
            slot.fed(frame.len());
        }
        Ok(Next::Frame(frame))
    }

    /// Takes a slot, if the request has none.
    ///
    /// # Errors
    /// [`RegistryError::Overloaded`] when none becomes free in time.
    pub(super) async fn begin(&mut self) -> Result<(), RegistryError> {
        if self.slot.is_some() {
            return Ok(());
        }
        self.slot = self.registry.transfers().take(self.subject, SLOT_WAIT).await;
        if self.slot.is_none() {
            metrics::refused(Refusal::Uploads);
            return Err(RegistryError::Overloaded);
        }
        Ok(())
    }

    /// Gives the slot back.
    pub(super) fn end(&mut self) {
        self.slot = None;
    }

    /// Lets an account with fewer slots have this one, and waits for the next. Call it where nothing is half done.
    pub(super) async fn share(&mut self) -> Result<(), RegistryError> {
        if self.slot.as_ref().is_some_and(Slot::unfair) {
            self.end();
            self.begin().await?;
        }
        Ok(())
    }
}
