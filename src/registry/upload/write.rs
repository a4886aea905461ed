//! Writing frames into parts: hash them, stream them to Kubo, and commit a row for each part.

use bytes::Bytes;

use super::UploadKey;
use super::incoming::{CountedBody, Incoming};
use super::lock::LockedUpload;
use super::part::{OpenPart, PART_BYTES, StoringPart};
use super::session::{RunningHash, Session};
use crate::registry::{Registry, RegistryError};
use crate::store::{Part, Recorded, Upload};
use crate::stream::hashing::Hasher;
use crate::stream::paced::STRIDE;

/// A part that takes no more bytes, and the running hash at its end.
struct ClosedPart {
    storing: StoringPart,
    offset: u64,
    size: u64,
    hasher: Option<Hasher>,
}

/// Writes frames into parts. At most two parts are in flight: one is open, and Kubo may still be storing the one
/// before it.
pub(super) struct PartWriter<'r> {
    registry: &'r Registry,
    key: &'r UploadKey,
    session: &'r mut Session,
    upload: &'r mut Upload,
    hasher: Option<Hasher>,
    /// Offset in the blob at which the open part begins.
    offset: u64,
    open: OpenPart<'r>,
    closed: Option<ClosedPart>,
}

impl<'r> PartWriter<'r> {
    pub(super) async fn new(
        registry: &'r Registry,
        key: &'r UploadKey,
        locked: &'r mut LockedUpload,
        hasher: Option<Hasher>,
        tail: Option<Bytes>,
    ) -> Result<Self, RegistryError> {
        let mut open = OpenPart::new(registry.ipfs());
        let mut offset = locked.upload.received;
        if let Some(tail) = tail {
            offset -= tail.len() as u64;
            open.append(tail).await?;
        }
        let (session, upload) = (&mut *locked.session, &mut locked.upload);
        Ok(Self { registry, key, session, upload, hasher, offset, open, closed: None })
    }

    /// Writes all frames of the body. They are hashed in this task, so it lets other tasks run after every [`STRIDE`].
    pub(super) async fn write_all(
        &mut self,
        body: &mut CountedBody<impl Incoming>,
    ) -> Result<(), RegistryError> {
        let mut unpaced = 0;
        while let Some(frame) = body.next().await? {
            unpaced += frame.len();
            self.write(frame).await?;
            if unpaced >= STRIDE {
                unpaced = 0;
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// Hashes a frame and appends it to the open part. Splits it where the part is full.
    async fn write(&mut self, mut frame: Bytes) -> Result<(), RegistryError> {
        while !frame.is_empty() {
            let room = usize::try_from(PART_BYTES - self.open.size()).unwrap_or(usize::MAX);
            let piece = frame.split_to(room.min(frame.len()));
            if let Some(hasher) = &mut self.hasher {
                hasher.update(&piece);
            }
            self.open.append(piece).await?;
            if self.open.size() == PART_BYTES {
                self.close_part().await?;
            }
        }
        Ok(())
    }

    /// Closes the open part and opens the next one, which fills while Kubo stores the closed one. First records the
    /// part that was closed before, so that rows appear in order.
    async fn close_part(&mut self) -> Result<(), RegistryError> {
        self.record_closed_part().await?;
        let full = std::mem::replace(&mut self.open, OpenPart::new(self.registry.ipfs()));
        let (offset, size) = (self.offset, full.size());
        let hasher = self.hasher.clone();
        self.closed = Some(ClosedPart { storing: full.finish(), offset, size, hasher });
        self.offset += size;
        Ok(())
    }

    /// Waits until Kubo has stored the closed part, if there is one, and commits its row.
    pub(super) async fn record_closed_part(&mut self) -> Result<(), RegistryError> {
        let Some(closed) = self.closed.take() else { return Ok(()) };
        let ClosedPart { storing, offset, size, hasher } = closed;
        let cid = storing.await?;
        let claim = self.registry.store().pins().claim(&cid).await?;
        if claim.pin_lost() {
            self.registry.ipfs().pin(&cid).await?;
        }
        let part = Part { offset, size, cid };
        match claim.record_part(self.upload.id, self.upload.received, part).await? {
            Recorded::Done => {}
            Recorded::Moved { received } => {
                return Err(RegistryError::OutOfOrder { key: self.key.clone(), received });
            }
            Recorded::Gone => return Err(RegistryError::UploadUnknown),
        }
        self.upload.received = offset + size;
        self.upload.parts.retain(|older| older.offset != offset);
        self.upload.parts.push(part);
        self.session.running =
            hasher.map(|hasher| RunningHash { received: self.upload.received, hasher });
        Ok(())
    }

    /// Closes the open part and records all parts.
    pub(super) async fn finish(mut self) -> Result<(), RegistryError> {
        let written = self.offset + self.open.size();
        let closed = self.closed.as_ref();
        let covered = closed.map_or(self.upload.received, |closed| closed.offset + closed.size);
        // An open part that holds only the repeated tail of the part before is dropped.
        if written > covered {
            self.close_part().await?;
        }
        self.record_closed_part().await
    }
}
