//! Writing frames into parts: hash them, stream them to Kubo, and commit a row for each part.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::UploadKey;
use super::incoming::{CountedBody, Incoming};
use super::lock::LockedUpload;
use super::part::{OpenPart, PartLength, StoringPart};
use super::record::record_part;
use super::transfer::{Next, Transfer};
use crate::ipld::profile::LEAF_BYTES;
use crate::oci::Algorithm;
use crate::registry::{Registry, RegistryError};
use crate::store::{Epoch, Part, Recorded, SavedHash, Upload};
use crate::stream::hashing::Hasher;
use crate::stream::paced::STRIDE;

/// Bytes below which the end of a request is kept as a piece in PostgreSQL. From this size on it is worth a block in
/// Kubo, although the next request writes the open leaf once more: at most eight times the bytes.
const PIECE_BYTES: u64 = LEAF_BYTES / 8;

/// Most pieces of an upload. The next request writes them as a block, so that reading them takes one short moment.
const PIECES: u32 = 1000;

/// A part that takes no more bytes, and the running hash at its end.
struct ClosedPart {
    storing: StoringPart,
    offset: u64,
    size: u64,
    hasher: Option<Hasher>,
    /// The epoch in which its blocks were stored.
    epoch: Epoch,
}

/// Writes frames into parts. At most two parts are in flight: one is open, and Kubo may still be storing the one
/// before it.
pub(super) struct Writer<'r, 'l> {
    registry: &'r Registry,
    key: &'r UploadKey,
    upload: &'l mut Upload,
    transfer: Transfer<'r>,
    hasher: Option<Hasher>,
    /// Offset in the blob at which the open part begins.
    offset: u64,
    open: OpenPart,
    closed: Option<ClosedPart>,
    touched: Instant,
}

impl<'r, 'l> Writer<'r, 'l> {
    /// Continues an upload, and its running hash of `algorithm` if it has one.
    pub(super) fn new(
        registry: &'r Registry,
        key: &'r UploadKey,
        locked: &'l mut LockedUpload,
        algorithm: Algorithm,
        transfer: Transfer<'r>,
    ) -> Self {
        let upload = &mut locked.upload;
        let hasher = hasher_at(upload, algorithm);
        let begun = upload.received % LEAF_BYTES;
        let length = PartLength::of(registry.limits().collector);
        let (offset, open) =
            (upload.received - begun, OpenPart::new(begun, length, registry.gathering()));
        let touched = Instant::now();
        Self { registry, key, upload, transfer, hasher, offset, open, closed: None, touched }
    }

    /// Bytes that are durable.
    pub(super) fn received(&self) -> u64 {
        self.upload.received
    }

    /// Writes these frames and then those of the body.
    pub(super) async fn write_after(
        &mut self,
        head: Vec<Bytes>,
        body: &mut CountedBody<impl Incoming>,
    ) -> Result<(), RegistryError> {
        for frame in head {
            self.write(frame).await?;
        }
        self.write_all(body).await
    }

    /// Writes all frames of the body. When the body breaks off, everything that has come is stored.
    pub(super) async fn write_all(
        &mut self,
        body: &mut CountedBody<impl Incoming>,
    ) -> Result<(), RegistryError> {
        let written = self.write_frames(body).await;
        match &written {
            Ok(()) => {}
            Err(RegistryError::Body(_) | RegistryError::Overloaded) => self.keep().await?,
            // The client may count on a whole part even if Kubo is still storing it.
            Err(_) => self.record_closed_part().await?,
        }
        written
    }

    /// Frames are hashed in this task, so it lets other tasks run after every [`STRIDE`].
    async fn write_frames(
        &mut self,
        body: &mut CountedBody<impl Incoming>,
    ) -> Result<(), RegistryError> {
        let mut unpaced = 0;
        loop {
            let frame = match self.transfer.next(body, self.open.gathered()).await? {
                Next::Frame(frame) => frame,
                Next::End => return Ok(()),
                Next::Wanted => {
                    self.keep().await?;
                    self.transfer.end();
                    continue;
                }
            };
            unpaced += frame.len();
            self.write(frame).await?;
            self.touch().await?;
            if unpaced >= STRIDE {
                unpaced = 0;
                tokio::task::yield_now().await;
            }
        }
    }

    /// Hashes a frame and appends it to the open part. Splits it where the part is full.
    pub(super) async fn write(&mut self, mut frame: Bytes) -> Result<(), RegistryError> {
        let size = self.offset + self.open.size() + frame.len() as u64;
        self.registry.uploads().check_size(size)?;
        while !frame.is_empty() {
            if self.open.is_leaf() || self.open.is_in_a_crowd() {
                self.begin_to_stream().await?;
            }
            let piece = frame.split_to(self.open.room().min(frame.len()));
            if let Some(hasher) = &mut self.hasher {
                hasher.update(&piece);
            }
            self.open.append(piece).await?;
            if self.open.is_full() {
                self.close_part().await?;
                self.transfer.share().await?;
            }
        }
        Ok(())
    }

    /// Begins to stream the open part. If it is a leaf and its client is slow, closes it instead.
    async fn begin_to_stream(&mut self) -> Result<(), RegistryError> {
        self.transfer.begin().await?;
        if self.open.is_leaf() && self.open.is_slow() {
            return self.close_part().await;
        }
        let begun = self.begun().await?;
        let epoch = self.registry.collecting().enter().await?;
        Ok(self.open.stream(self.registry.ipfs(), begun, epoch).await?)
    }

    /// Stores everything that has come, so that a client may count on it.
    pub(super) async fn keep(&mut self) -> Result<(), RegistryError> {
        self.record_closed_part().await?;
        let fresh = self.open.gathered();
        let small = fresh < PIECE_BYTES && self.upload.pieces < PIECES;
        if self.open.is_streaming() || self.open.is_leaf() || !small {
            self.store_open_part().await
        } else if fresh > 0 {
            self.append_piece().await
        } else {
            Ok(())
        }
    }

    /// Stores everything that has come in parts, so that no piece is left. Returns the transfer with its slot, which the
    /// commit needs too.
    pub(super) async fn finish(mut self) -> Result<Transfer<'r>, RegistryError> {
        self.record_closed_part().await?;
        let fresh = self.open.is_streaming() || self.open.gathered() > 0;
        if fresh || self.upload.pieces > 0 {
            self.store_open_part().await?;
        }
        self.transfer.begin().await?;
        Ok(self.transfer)
    }

    /// The bytes of a blob that is not longer than its open leaf. `None` if a part holds all of them or the blob is
    /// longer; [`finish`](Self::finish) stores those.
    pub(super) async fn sole_leaf(&mut self) -> Result<Option<Vec<Bytes>>, RegistryError> {
        let whole = self.offset == 0 && self.closed.is_none() && !self.open.is_streaming();
        let stored =
            self.upload.last.is_some() && self.upload.pieces == 0 && self.open.gathered() == 0;
        if !whole || stored {
            return Ok(None);
        }
        self.transfer.begin().await?;
        let mut frames = vec![self.begun().await?];
        frames.extend(self.open.take_gathered());
        Ok(Some(frames))
    }

    async fn store_open_part(&mut self) -> Result<(), RegistryError> {
        self.transfer.begin().await?;
        self.close_part().await?;
        self.record_closed_part().await
    }

    /// Closes the open part and opens the next one, which fills while Kubo stores the closed one. First records the
    /// part that was closed before, so that rows appear in order.
    async fn close_part(&mut self) -> Result<(), RegistryError> {
        self.record_closed_part().await?;
        let begun = match self.open.is_streaming() {
            true => Bytes::new(),
            false => self.begun().await?,
        };
        let epoch = match self.open.epoch() {
            Some(epoch) => epoch,
            None => self.registry.collecting().enter().await?,
        };
        let (offset, size) = (self.offset, self.open.size());
        let rest = (offset + size) % LEAF_BYTES;
        let next = self.open.next(rest);
        let full = std::mem::replace(&mut self.open, next);
        self.offset = offset + size - rest;
        let storing = full.finish(self.registry.ipfs(), begun);
        self.closed =
            Some(ClosedPart { storing, offset, size, hasher: self.hasher.clone(), epoch });
        Ok(())
    }

    /// Waits until Kubo has stored the closed part, if there is one, and commits its row.
    async fn record_closed_part(&mut self) -> Result<(), RegistryError> {
        let Some(closed) = self.closed.take() else { return Ok(()) };
        let ClosedPart { storing, offset, size, hasher, epoch } = closed;
        let cid = storing.await?;
        let part = Part { offset, size, cid };
        let hash = hasher.as_ref().map(saved);
        let (id, received) = (self.upload.id, self.upload.received);
        let registry = self.registry;
        // On the heap, because the states of the calls to Kubo are large.
        let recorded = Box::pin(record_part(registry, id, received, part, epoch, hash.as_ref()));
        let recorded = recorded.await?;
        self.check(recorded)?;
        (self.upload.last, self.upload.pieces) = (Some(part), 0);
        self.advance_to(offset + size, hash);
        Ok(())
    }

    async fn append_piece(&mut self) -> Result<(), RegistryError> {
        let bytes = self.open.take_gathered().concat();
        let received = self.upload.received;
        let uploads = self.registry.store().uploads();
        let hash = self.hasher.as_ref().map(saved);
        let id = self.upload.id;
        let recorded = uploads.append_piece(id, received, &bytes, hash.as_ref()).await?;
        self.check(recorded)?;
        self.upload.pieces += 1;
        self.open = self.open.next(self.open.size());
        self.advance_to(received + bytes.len() as u64, hash);
        Ok(())
    }

    fn advance_to(&mut self, received: u64, hash: Option<SavedHash>) {
        (self.upload.received, self.upload.hash) = (received, hash);
        self.touched = Instant::now();
    }

    fn check(&self, recorded: Recorded) -> Result<(), RegistryError> {
        match recorded {
            Recorded::Done => Ok(()),
            Recorded::Moved { received } => {
                Err(RegistryError::OutOfOrder { key: self.key.clone(), received })
            }
            Recorded::Gone | Recorded::Unclaimed | Recorded::Collected => {
                Err(RegistryError::UploadUnknown)
            }
        }
    }

    /// The bytes at the beginning of the open part that were stored before it was opened.
    async fn begun(&mut self) -> Result<Bytes, RegistryError> {
        match self.open.begun() {
            0 => Ok(Bytes::new()),
            _ => self.registry.uploads().open_leaf(self.upload).await,
        }
    }

    /// Keeps the upload from expiring while its bytes move, though no row says so yet.
    async fn touch(&mut self) -> Result<(), RegistryError> {
        let idle = self.registry.limits().upload_idle;
        if self.touched.elapsed() < idle.min(Duration::from_secs(3600)) / 4 {
            return Ok(());
        }
        self.touched = Instant::now();
        match self.registry.store().uploads().touch(self.upload.id).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(RegistryError::UploadUnknown),
            // The next row that is written says the same as this one.
            Err(_) => Ok(()),
        }
    }
}

/// The running hash of all bytes of an upload. `None` when its row has none of this algorithm.
pub(super) fn hasher_at(upload: &Upload, algorithm: Algorithm) -> Option<Hasher> {
    match &upload.hash {
        Some(hash) if hash.algorithm == algorithm => Hasher::resume(algorithm, &hash.state),
        _ if upload.received == 0 => Some(Hasher::savable(algorithm)),
        _ => None,
    }
}

fn saved(hasher: &Hasher) -> SavedHash {
    SavedHash { algorithm: hasher.algorithm(), state: hasher.save() }
}
