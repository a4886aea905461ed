//! Small blobs in memory, such as the configurations of images: every pull reads one.

use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;

use super::kept::{Kept, kept};
use super::origin::Origin;
use super::wanted::Wanted;
use crate::ipfs::IpfsError;
use crate::stream::StreamError;
use crate::stream::gather::{GatherError, gather};
use crate::stream::verified::Verified;
use crate::telemetry::metrics::{self, BlobSource};

/// Largest blob that is kept. Nearly every configuration is smaller, and nearly every layer is larger.
const SMALL: u64 = 64 * 1024;

/// Most bytes that are kept: the configurations of some thousand images, in half of what a thousand pulls may hold.
const MOST: u64 = 32 << 20;

/// Small blobs whose digest matched. Cheap to clone.
#[derive(Clone)]
pub(super) struct Memory(Arc<Kept>);

impl Default for Memory {
    fn default() -> Self {
        Self(Arc::new(kept(MOST)))
    }
}

impl Memory {
    /// The bytes of a small blob. The first of those that ask for it reads it from the origin, and the others wait for it.
    /// `None` if the blob is not small.
    pub(super) async fn get(
        &self,
        origin: &Origin,
        wanted: &Wanted,
    ) -> Result<Option<Bytes>, StreamError<IpfsError>> {
        if wanted.size > SMALL {
            return Ok(None);
        }
        let mut source = BlobSource::Memory;
        let read = async {
            source = BlobSource::Origin;
            read(origin, wanted).await
        };
        let bytes = self.0.get_or_insert_async(&wanted.digest, read).await?;
        metrics::blob_read(source);
        Ok(Some(bytes))
    }
}

/// Reads a whole blob and compares its digest.
async fn read(origin: &Origin, wanted: &Wanted) -> Result<Bytes, StreamError<IpfsError>> {
    let body = origin.open(wanted, None).await?;
    let body = pin!(Verified::new(body, wanted.digest.clone(), wanted.size));
    match gather(body, SMALL as usize).await {
        // A copy of the exact length: what was gathered may be twice as large.
        Ok(bytes) => Ok(Bytes::copy_from_slice(&bytes)),
        Err(GatherError::Failed(error)) => Err(error),
        Err(GatherError::TooLong(_)) => Err(StreamError::Long { expected: wanted.size }),
    }
}
