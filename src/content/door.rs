//! Choosing the source of the bytes of a blob.

use std::ops::Range;

use super::body::ContentBody;
use crate::ipfs::{IpfsError, Kubo};
use crate::ipld::Cid;
use crate::oci::Digest;
use crate::stream::verified::Verified;

/// The bytes of all blobs. Cheap to clone.
#[derive(Clone)]
pub struct Content {
    kubo: Kubo,
}

impl Content {
    /// Reads what is stored in `kubo`.
    pub fn new(kubo: Kubo) -> Self {
        Self { kubo }
    }

    /// Opens the bytes of a blob, or of one range of it. A whole read is hashed as it passes, and its last frame is held
    /// back until the digest matches. A range of what Kubo stores can only be counted.
    ///
    /// # Errors
    /// Those of Kubo.
    pub async fn open(
        &self,
        cid: &Cid,
        digest: &Digest,
        size: u64,
        range: Option<Range<u64>>,
    ) -> Result<ContentBody, IpfsError> {
        if size == 0 {
            return Ok(ContentBody::empty());
        }
        let whole = range.is_none();
        let body = self.kubo.read(cid, size, range).await?;
        Ok(if whole {
            ContentBody::whole(Verified::new(body, digest.clone(), size))
        } else {
            ContentBody::range(body)
        })
    }
}
