//! Choosing the source of the bytes of a blob.

use std::io;
use std::ops::Range;
use std::path::Path;

use bytes::Bytes;

use super::body::ContentBody;
use super::hot::{Hot, Reader};
use super::memory::Memory;
use super::origin::Origin;
use super::rest::Rest;
use super::wanted::Wanted;
use crate::ipfs::{IpfsError, Kubo};
use crate::stream::StreamError;
use crate::telemetry::metrics::{self, BlobSource};

/// The bytes of all blobs. Cheap to clone.
#[derive(Clone)]
pub struct Content {
    origin: Origin,
    caches: Option<Caches>,
}

#[derive(Clone)]
struct Caches {
    memory: Memory,
    hot: Hot,
}

impl Content {
    /// Reads what is stored in `kubo`, and remembers nothing.
    pub fn new(kubo: Kubo) -> Self {
        Self { origin: Origin::new(kubo), caches: None }
    }

    /// Keeps small blobs in memory, and copies of others in the folder `top`: at most `bytes` of them, or what suits the
    /// disk, of which `spare` bytes stay free. Blocks.
    ///
    /// # Errors
    /// The folder cannot be used.
    pub fn caching(self, top: &Path, bytes: Option<u64>, spare: u64) -> io::Result<Self> {
        let hot = Hot::open(top, bytes, spare, self.origin.clone())?;
        Ok(Self { caches: Some(Caches { memory: Memory::default(), hot }), ..self })
    }

    /// Opens the bytes of a blob, or of one range of it. The last frame of a whole read is held back until the digest
    /// matches. A range of what the origin stores can only be counted; one of a copy is compared with its checksums.
    ///
    /// # Errors
    /// Those of the origin; also a digest that does not match, of a blob that is small enough to be read at once.
    pub async fn open(
        &self,
        wanted: &Wanted,
        range: Option<Range<u64>>,
    ) -> Result<ContentBody, StreamError<IpfsError>> {
        if wanted.size == 0 {
            return Ok(ContentBody::memory(Bytes::new()));
        }
        let range = range.filter(|range| *range != (0..wanted.size));
        if let Some(Caches { memory, hot }) = &self.caches {
            if let Some(bytes) = memory.get(&self.origin, wanted).await? {
                return Ok(ContentBody::memory(part(&bytes, range)));
            }
            if let Some(reader) = Reader::open(hot, wanted, range.as_ref()).await? {
                return Ok(ContentBody::copy(reader));
            }
        }
        metrics::blob_read(BlobSource::Origin);
        Ok(ContentBody::origin(Rest::open(&self.origin, wanted, range).await?))
    }
}

/// The range of bytes that are in memory.
fn part(bytes: &Bytes, range: Option<Range<u64>>) -> Bytes {
    let Some(range) = range else { return bytes.clone() };
    let within = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
    let (start, end) = (within(range.start), within(range.end));
    bytes.slice(start.min(end)..end)
}
