//! Where bytes come from that no cache has.

use std::ops::Range;

use super::wanted::Wanted;
use crate::ipfs::{IpfsError, Kubo, ReadBody};

/// The bytes of a blob from its origin, not compared with its digest: exactly as many as were asked for, or an error.
pub(super) type OriginBody = ReadBody;

/// The origin of all bytes. Cheap to clone.
#[derive(Clone)]
pub(super) struct Origin {
    kubo: Kubo,
}

impl Origin {
    pub(super) fn new(kubo: Kubo) -> Self {
        Self { kubo }
    }

    /// Opens a blob, or a range of it. The caller compares the digest of a whole one.
    pub(super) async fn open(
        &self,
        wanted: &Wanted,
        range: Option<Range<u64>>,
    ) -> Result<OriginBody, IpfsError> {
        self.kubo.read(&wanted.cid, wanted.size, range).await
    }
}
