//! Bodies that carry the bytes of a blob.

use std::fmt::Display;

use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt;

use crate::oci::Chunk;
use crate::registry::RegistryError;
use crate::telemetry::metrics;

/// A body that carries the bytes of a blob. Every body of [`Bytes`] that a task can own is one.
pub trait Incoming: Body<Data = Bytes, Error: Display> + Unpin + Send + 'static {}

impl<B: Body<Data = Bytes, Error: Display> + Unpin + Send + 'static> Incoming for B {}

/// Counts the data frames of a body and compares them with the length that the chunk announces.
pub(super) struct CountedBody<B> {
    body: B,
    chunk: Option<Chunk>,
    total: u64,
    _open: metrics::Raised,
}

impl<B: Incoming> CountedBody<B> {
    pub(super) fn new(body: B, chunk: Option<Chunk>) -> Self {
        Self { body, chunk, total: 0, _open: metrics::upload_open() }
    }

    /// The next frame of data, or `None` once the body has ended as announced. No frame is lost when the future is
    /// dropped before it is ready.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, RegistryError> {
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(|error| RegistryError::Body(error.to_string()))?;
            let Ok(data) = frame.into_data() else { continue };
            self.total += data.len() as u64;
            metrics::received(data.len() as u64);
            if self.chunk.is_some_and(|chunk| self.total > chunk.size()) {
                return Err(RegistryError::SizeMismatch);
            }
            return Ok(Some(data));
        }
        match self.chunk {
            Some(chunk) if self.total != chunk.size() => Err(RegistryError::SizeMismatch),
            Some(_) | None => Ok(None),
        }
    }
}
