//! One part on its way into Kubo.

use std::pin::Pin;

use bytes::Bytes;

use super::LEAF_BYTES;
use crate::ipfs::{Add, IpfsError, Kubo};
use crate::ipld::Cid;

/// A part being sent. Its first leaf is held back: a part of one leaf is stored as a raw block, in a single short
/// call whose CID follows from the bytes.
pub(super) struct Sending<'k> {
    ipfs: &'k Kubo,
    head: Vec<Bytes>,
    size: u64,
    add: Option<Add>,
}

/// A part whose bytes are all handed over; Kubo may still be writing them.
pub(super) type Storing = Pin<Box<dyn Future<Output = Result<Cid, IpfsError>> + Send>>;

impl<'k> Sending<'k> {
    pub(super) fn new(ipfs: &'k Kubo) -> Self {
        Self { ipfs, head: Vec::new(), size: 0, add: None }
    }

    /// Bytes handed over so far.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Hands one frame over; returns when Kubo has room for the next.
    pub(super) async fn send(&mut self, frame: Bytes) -> Result<(), IpfsError> {
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

    /// No more bytes. The future resolves to the part's CID once Kubo has stored and pinned it.
    ///
    /// Dropping a part instead tears its connection, so that Kubo never takes it for a whole file.
    pub(super) fn finish(self) -> Storing {
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
