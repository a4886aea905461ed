//! The data frames of a request body, counted, and held against the length that its chunk announces.

use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt;

use crate::oci::Chunk;
use crate::registry::RegistryError;
use crate::telemetry::metrics;

/// A body being taken in. Frames that were looked at ahead come out again first.
pub(super) struct Intaken<'b, B> {
    body: &'b mut B,
    chunk: Option<Chunk>,
    total: u64,
    ahead: std::collections::VecDeque<Bytes>,
    _open: metrics::Raised,
}

impl<'b, B> Intaken<'b, B>
where
    B: Body<Data = Bytes> + Unpin + Send,
    B::Error: std::fmt::Display,
{
    pub(super) fn new(body: &'b mut B, chunk: Option<Chunk>) -> Self {
        Self { body, chunk, total: 0, ahead: Default::default(), _open: metrics::upload_open() }
    }

    /// The next frame of data, or `None` once the body has ended as announced.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, RegistryError> {
        match self.ahead.pop_front() {
            Some(frame) => Ok(Some(frame)),
            None => self.pull().await,
        }
    }

    /// The whole body when it has at most `most` bytes; else `None`, and every frame is still to come.
    pub(super) async fn whole(&mut self, most: u64) -> Result<Option<Vec<Bytes>>, RegistryError> {
        while self.total <= most {
            match self.pull().await? {
                Some(frame) => self.ahead.push_back(frame),
                None => return Ok(Some(self.ahead.drain(..).collect())),
            }
        }
        Ok(None)
    }

    async fn pull(&mut self) -> Result<Option<Bytes>, RegistryError> {
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
