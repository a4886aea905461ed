//! Sending one part to Kubo.

use std::pin::Pin;

use bytes::Bytes;

use crate::ipfs::{Add, IpfsError, Kubo};
use crate::ipld::Cid;
use crate::ipld::profile::LEAF_BYTES;

/// Largest size of a part. The root over its 64 leaves is one small node, and Kubo does not hold its lock for long.
/// Parts begin at leaf borders, so that an upload has the leaves that one `ipfs add` of the whole would make.
pub const PART_BYTES: u64 = 64 * LEAF_BYTES;

/// A part that takes bytes. Its first leaf is held back, since a part of one leaf is stored as a raw block in a single
/// short call.
///
/// Dropping an open part resets its connection, so that Kubo never takes the bytes for a whole file.
pub(super) struct OpenPart<'k> {
    ipfs: &'k Kubo,
    head: Vec<Bytes>,
    size: u64,
    add: Option<Add>,
}

/// Resolves to the CID of a part once Kubo has stored and pinned it.
pub(super) type StoringPart = Pin<Box<dyn Future<Output = Result<Cid, IpfsError>> + Send>>;

impl<'k> OpenPart<'k> {
    pub(super) fn new(ipfs: &'k Kubo) -> Self {
        Self { ipfs, head: Vec::new(), size: 0, add: None }
    }

    /// Bytes appended so far.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Appends one frame. Returns when Kubo has room for the next.
    pub(super) async fn append(&mut self, frame: Bytes) -> Result<(), IpfsError> {
        self.size += frame.len() as u64;
        if let Some(add) = &mut self.add {
            return add.send(frame).await;
        }
        self.head.push(frame);
        if self.size > LEAF_BYTES {
            let mut add = self.ipfs.begin_add().await?;
            for frame in self.head.drain(..) {
                add.send(frame).await?;
            }
            self.add = Some(add);
        }
        Ok(())
    }

    /// Hands the last bytes over. The returned future waits for Kubo.
    pub(super) fn finish(self) -> StoringPart {
        match self.add {
            Some(add) => {
                let added = add.finish();
                Box::pin(async move { Ok(added.await?.cid) })
            }
            None => {
                let ipfs = self.ipfs.clone();
                Box::pin(async move { ipfs.put_raw(self.head).await })
            }
        }
    }
}
