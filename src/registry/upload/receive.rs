//! The upload pipeline: frames in, hashed as they pass, parts out to Kubo, one row committed for each.

use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt;
use tokio::sync::OwnedSemaphorePermit;

use super::intaken::Intaken;
use super::part::{Sending, Storing};
use super::session::{Held, Running, Session};
use super::{LEAF_BYTES, PART_BYTES, UploadState};
use crate::oci::{Algorithm, Chunk, RepositoryName, UploadId};
use crate::registry::{Registry, RegistryError};
use crate::store::{Part, Recorded, Upload};
use crate::stream::hashing::Hasher;
use crate::stream::paced::STRIDE;
use crate::telemetry::metrics::{self, Refusal};

/// How long an upload waits for a place before it is shed.
const QUEUE: std::time::Duration = std::time::Duration::from_secs(30);

impl Registry {
    /// Takes the bytes of `body` into an upload, after those that it holds. Everything up to the last whole part
    /// stays when the body breaks off.
    ///
    /// # Errors
    /// [`RegistryError::UploadUnknown`], [`RegistryError::OutOfOrder`] and [`RegistryError::SizeMismatch`] by the
    /// chunk, [`RegistryError::Body`] when the client went away or stalled.
    pub async fn receive<B>(
        &self,
        repository: &RepositoryName,
        id: UploadId,
        subject: &str,
        chunk: Option<Chunk>,
        body: &mut B,
    ) -> Result<UploadState, RegistryError>
    where
        B: Body<Data = Bytes> + Unpin + Send,
        B::Error: std::fmt::Display,
    {
        let mut held = self.hold(repository, id, subject).await?;
        check_chunk(chunk, held.upload.received, body.size_hint().exact())?;
        let algorithm = held.upload.algorithm.unwrap_or(Algorithm::Sha256);
        let _transfer = self.transfer().await?;
        self.take(&mut held, algorithm, Intaken::new(body, chunk)).await?;
        Ok(UploadState { id, received: held.upload.received })
    }

    /// The pipeline itself, for whoever holds the turn and a transfer.
    pub(super) async fn take<B>(
        &self,
        held: &mut Held,
        algorithm: Algorithm,
        mut body: Intaken<'_, B>,
    ) -> Result<(), RegistryError>
    where
        B: Body<Data = Bytes> + Unpin + Send,
        B::Error: std::fmt::Display,
    {
        let tail = self.tail(&held.upload).await?;
        let hasher = held.session.hasher_at(held.upload.received, algorithm);
        let mut intake = Intake::new(self, held, hasher, tail).await?;
        match intake.drink(&mut body).await {
            Ok(()) => intake.end().await,
            Err(error) => {
                // Whole parts that Kubo is still writing are the client's to keep.
                intake.settle().await?;
                Err(error)
            }
        }
    }

    /// A place among the transfers, waited for but not for ever.
    pub(super) async fn transfer(&self) -> Result<OwnedSemaphorePermit, RegistryError> {
        let place = std::sync::Arc::clone(&self.0.transfers).acquire_owned();
        match tokio::time::timeout(QUEUE, place).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => {
                metrics::refused(Refusal::Uploads);
                Err(RegistryError::Overloaded)
            }
        }
    }

    /// The bytes after the last whole leaf: the next part begins with them again, so that every leaf but the last
    /// of the blob is full.
    async fn tail(&self, upload: &Upload) -> Result<Option<Bytes>, RegistryError> {
        let length = upload.received % LEAF_BYTES;
        let (Some(last), 1..) = (upload.parts.last(), length) else { return Ok(None) };
        let body =
            self.ipfs().read(&last.cid, last.size, Some(last.size - length..last.size)).await?;
        Ok(Some(body.collect().await?.to_bytes()))
    }
}

/// Refuses a chunk that does not continue the upload, or whose body is announced with another length.
pub(super) fn check_chunk(
    chunk: Option<Chunk>,
    received: u64,
    length: Option<u64>,
) -> Result<(), RegistryError> {
    let Some(chunk) = chunk else { return Ok(()) };
    if chunk.first != received {
        return Err(RegistryError::OutOfOrder { received });
    }
    if length.is_some_and(|length| length != chunk.size()) {
        return Err(RegistryError::SizeMismatch);
    }
    Ok(())
}

/// A part that Kubo is writing, and the hash up to its end.
struct Written {
    storing: Storing,
    part: (u64, u64),
    hasher: Option<Hasher>,
}

struct Intake<'r> {
    registry: &'r Registry,
    session: &'r mut Session,
    upload: &'r mut Upload,
    hasher: Option<Hasher>,
    offset: u64,
    sending: Sending<'r>,
    written: Option<Written>,
}

impl<'r> Intake<'r> {
    async fn new(
        registry: &'r Registry,
        held: &'r mut Held,
        hasher: Option<Hasher>,
        tail: Option<Bytes>,
    ) -> Result<Self, RegistryError> {
        let mut sending = Sending::new(registry.ipfs());
        let mut offset = held.upload.received;
        if let Some(tail) = tail {
            offset -= tail.len() as u64;
            sending.send(tail).await?;
        }
        let (session, upload) = (&mut *held.session, &mut held.upload);
        Ok(Self { registry, session, upload, hasher, offset, sending, written: None })
    }

    /// Takes the body to its end.
    async fn drink<B>(&mut self, body: &mut Intaken<'_, B>) -> Result<(), RegistryError>
    where
        B: Body<Data = Bytes> + Unpin + Send,
        B::Error: std::fmt::Display,
    {
        let mut unpaced = 0;
        while let Some(data) = body.next().await? {
            unpaced += data.len();
            self.feed(data).await?;
            if unpaced >= STRIDE {
                unpaced = 0;
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// Hashes one frame and hands it to the part, cut where the part is full.
    async fn feed(&mut self, mut data: Bytes) -> Result<(), RegistryError> {
        while !data.is_empty() {
            let room = usize::try_from(PART_BYTES - self.sending.size()).unwrap_or(usize::MAX);
            let piece = data.split_to(room.min(data.len()));
            if let Some(hasher) = &mut self.hasher {
                hasher.update(&piece);
            }
            self.sending.send(piece).await?;
            if self.sending.size() == PART_BYTES {
                self.close_part().await?;
            }
        }
        Ok(())
    }

    /// Begins the next part while Kubo finishes this one, once the one before it is recorded: at most two are in
    /// flight, and rows appear in order.
    async fn close_part(&mut self) -> Result<(), RegistryError> {
        self.settle().await?;
        let sending = std::mem::replace(&mut self.sending, Sending::new(self.registry.ipfs()));
        let size = sending.size();
        let part = (self.offset, size);
        self.written =
            Some(Written { storing: sending.finish(), part, hasher: self.hasher.clone() });
        self.offset += size;
        Ok(())
    }

    /// Records the part that Kubo was writing.
    async fn settle(&mut self) -> Result<(), RegistryError> {
        let Some(written) = self.written.take() else { return Ok(()) };
        let (offset, size) = written.part;
        let cid = written.storing.await?;
        let claim = self.registry.store().claim(&cid).await?;
        if claim.pin_lost() {
            self.registry.ipfs().pin(&cid).await?;
        }
        let part = Part { offset, size, cid };
        match claim.record_part(self.upload.id, self.upload.received, part).await? {
            Recorded::Done => {}
            Recorded::Moved { received } => return Err(RegistryError::OutOfOrder { received }),
            Recorded::Gone => return Err(RegistryError::UploadUnknown),
        }
        self.upload.received = offset + size;
        self.upload.parts.retain(|older| older.offset != offset);
        self.upload.parts.push(part);
        self.session.running =
            written.hasher.map(|hasher| Running { received: self.upload.received, hasher });
        Ok(())
    }

    /// Closes and records what is left.
    async fn end(mut self) -> Result<(), RegistryError> {
        if self.offset + self.sending.size() > self.upload.received + self.in_flight() {
            self.close_part().await?;
        }
        self.settle().await
    }

    fn in_flight(&self) -> u64 {
        self.written.as_ref().map_or(0, |written| {
            let (offset, size) = written.part;
            offset + size - self.upload.received
        })
    }
}
