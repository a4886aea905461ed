//! Storing the bytes of a request body in an upload.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::incoming::{CountedBody, Incoming};
use super::lock::LockedUpload;
use super::write::PartWriter;
use super::{UploadKey, UploadState};
use crate::ipld::profile::LEAF_BYTES;
use crate::oci::{Algorithm, Chunk};
use crate::registry::{RegistryError, Uploads};
use crate::store::Upload;
use crate::telemetry::metrics::{self, Refusal};

/// How long a request waits for a transfer slot before it is refused.
const SLOT_WAIT: Duration = Duration::from_secs(30);

impl Uploads<'_> {
    /// Appends the bytes of `body` to an upload. Runs to its end even if the caller stops waiting. When the body breaks
    /// off, its whole parts stay.
    ///
    /// # Errors
    /// [`RegistryError::UploadUnknown`], [`RegistryError::OutOfOrder`] and [`RegistryError::SizeMismatch`] when `chunk`
    /// does not fit the upload or the body, [`RegistryError::Body`] when the client goes away or stalls.
    pub async fn receive(
        self,
        key: UploadKey,
        chunk: Option<Chunk>,
        body: impl Incoming,
    ) -> Result<UploadState, RegistryError> {
        let registry = self.0.clone();
        let receive = async move { registry.uploads().receive_here(&key, chunk, body).await };
        self.0.detached().run(receive).await
    }

    async fn receive_here(
        self,
        key: &UploadKey,
        chunk: Option<Chunk>,
        body: impl Incoming,
    ) -> Result<UploadState, RegistryError> {
        let mut locked = self.lock(key).await?;
        check_chunk(key, chunk, locked.upload.received, body.size_hint().exact())?;
        let algorithm = locked.upload.algorithm.unwrap_or(Algorithm::Sha256);
        let _slot = self.transfer_slot().await?;
        self.store_frames(key, &mut locked, algorithm, CountedBody::new(body, chunk)).await?;
        Ok(UploadState { id: key.id, received: locked.upload.received })
    }

    /// Stores the frames of `body` as parts. The caller must hold the upload's lock and a transfer slot.
    pub(super) async fn store_frames(
        self,
        key: &UploadKey,
        locked: &mut LockedUpload,
        algorithm: Algorithm,
        mut body: CountedBody<impl Incoming>,
    ) -> Result<(), RegistryError> {
        let tail = self.tail(&locked.upload).await?;
        let hasher = locked.session.hasher_at(locked.upload.received, algorithm);
        let mut writer = PartWriter::new(self.0, key, locked, hasher, tail).await?;
        match writer.write_all(&mut body).await {
            Ok(()) => writer.finish().await,
            Err(error) => {
                // The client may count on a whole part even if Kubo is still storing it.
                writer.record_closed_part().await?;
                Err(error)
            }
        }
    }

    /// Waits at most [`SLOT_WAIT`] for a transfer slot.
    pub(super) async fn transfer_slot(self) -> Result<OwnedSemaphorePermit, RegistryError> {
        let slot = Arc::clone(self.0.transfers()).acquire_owned();
        match timeout(SLOT_WAIT, slot).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => {
                metrics::refused(Refusal::Uploads);
                Err(RegistryError::Overloaded)
            }
        }
    }

    /// The stored bytes after the last whole leaf. The next part begins with them again, so that every leaf of the blob
    /// but the last is full.
    async fn tail(self, upload: &Upload) -> Result<Option<Bytes>, RegistryError> {
        let length = upload.received % LEAF_BYTES;
        let (Some(last), 1..) = (upload.parts.last(), length) else { return Ok(None) };
        let range = last.size - length..last.size;
        let body = self.0.ipfs().read(&last.cid, last.size, Some(range)).await?;
        Ok(Some(body.collect().await?.to_bytes()))
    }
}

/// Refuses a chunk that does not continue the upload, or whose body is announced with another length.
pub(super) fn check_chunk(
    key: &UploadKey,
    chunk: Option<Chunk>,
    received: u64,
    length: Option<u64>,
) -> Result<(), RegistryError> {
    let Some(chunk) = chunk else { return Ok(()) };
    if chunk.first != received {
        return Err(RegistryError::OutOfOrder { key: key.clone(), received });
    }
    if length.is_some_and(|length| length != chunk.size()) {
        return Err(RegistryError::SizeMismatch);
    }
    Ok(())
}
