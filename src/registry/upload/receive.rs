//! Storing the bytes of a request body in an upload.

use super::incoming::{CountedBody, Incoming};
use super::lock::LockedUpload;
use super::transfer::Transfer;
use super::write::Writer;
use super::{UploadKey, UploadState};
use crate::oci::{Algorithm, Chunk};
use crate::registry::{RegistryError, Uploads};

impl Uploads<'_> {
    /// Appends the bytes of `body` to an upload. Runs to its end even if the caller stops waiting. When the body breaks
    /// off, the bytes that have come stay.
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
        check_chunk(key, &locked, chunk, &body)?;
        let algorithm = locked.upload.algorithm.unwrap_or(Algorithm::Sha256);
        let transfer = Transfer::new(self.0, &key.subject);
        let mut writer = Writer::new(self.0, key, &mut locked, algorithm, transfer);
        writer.write_all(&mut CountedBody::new(body, chunk)).await?;
        writer.keep().await?;
        Ok(UploadState { id: key.id, received: locked.upload.received })
    }
}

/// Refuses a chunk that does not continue the upload, or whose body is announced with another length. Refuses a body
/// without a chunk if another request has appended to the upload since this one came: the client cannot mean both.
pub(super) fn check_chunk(
    key: &UploadKey,
    locked: &LockedUpload,
    chunk: Option<Chunk>,
    body: &impl Incoming,
) -> Result<(), RegistryError> {
    let received = locked.upload.received;
    let length = body.size_hint().exact();
    let first = chunk.map_or(locked.asked_at, |chunk| chunk.first);
    if first != received && (chunk.is_some() || length != Some(0)) {
        return Err(RegistryError::OutOfOrder { key: key.clone(), received });
    }
    if chunk.is_some_and(|chunk| length.is_some_and(|length| length != chunk.size())) {
        return Err(RegistryError::SizeMismatch);
    }
    Ok(())
}
