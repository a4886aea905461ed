//! Single blocks: stores and reads them, and finds the leaves below them.

use std::ops::Range;

use bytes::Bytes;
use serde::Deserialize;

use super::answer;
use super::error::IpfsError;
use super::kubo::Kubo;
use super::rpc::Rpc;
use super::way::Call;
use crate::ipld::dag::{Leaf, Node, parse_node};
use crate::ipld::{Cid, Codec};
use crate::stream::hashing::sha256_of;
use crate::telemetry::metrics;

/// Largest block in bytes that nodes exchange (Bitswap, 2 MiB).
const BLOCK: usize = 2 << 20;

#[derive(Deserialize)]
struct Stored {
    #[serde(rename = "Key", deserialize_with = "answer::cid")]
    key: Cid,
    #[serde(rename = "Size")]
    size: u64,
}

/// A block that is to be stored.
#[derive(Clone, Debug)]
pub struct Block {
    cid: Cid,
    frames: Vec<Bytes>,
}

impl Block {
    /// A leaf with these bytes, at most 1 MiB. Its CID is the one that `ipfs add` gives to a file of these bytes.
    pub fn raw(frames: Vec<Bytes>) -> Self {
        let sha256 = sha256_of(frames.iter().map(Bytes::as_ref));
        Self { cid: Cid::new(Codec::Raw, sha256), frames }
    }

    /// A node above leaves.
    pub fn node(node: &Node) -> Self {
        Self { cid: node.cid, frames: vec![node.bytes.clone()] }
    }

    /// Bytes that came from elsewhere as the block with this CID.
    ///
    /// # Errors
    /// [`IpfsError::Broken`] when they are others.
    pub fn received(cid: &Cid, bytes: Bytes) -> Result<Self, IpfsError> {
        let found = Cid::of_block(cid.codec(), &bytes);
        if found == *cid {
            Ok(Self { cid: found, frames: vec![bytes] })
        } else {
            Err(other_cid(cid, &found))
        }
    }

    /// The CID of the block.
    pub fn cid(&self) -> Cid {
        self.cid
    }

    fn rpc(&self, pin: bool) -> Rpc {
        let codec = match self.cid.codec() {
            Codec::Raw => "raw",
            Codec::DagPb => "dag-pb",
        };
        let options = format!("mhtype=sha2-256&allow-big-block=false&cid-codec={codec}&pin={pin}");
        Rpc::new(Call::BlockPut).with(&options).file(self.frames.clone())
    }

    fn checked(&self, stored: Stored) -> Result<(), IpfsError> {
        if stored.key == self.cid { Ok(()) } else { Err(other_cid(&self.cid, &stored.key)) }
    }
}

impl Kubo {
    /// Stores a block without a pin.
    pub async fn put(&self, block: &Block) -> Result<(), IpfsError> {
        block.checked(block.rpc(false).json(self).await?)
    }

    /// Stores and pins a block. The pin holds everything below the block but reads none of it, so the children must be
    /// stored already.
    ///
    /// Never pin what is pinned already: Kubo drops the pin first and sets it again last, and loses it when it dies or the
    /// caller goes away in between (boxo `pinning/pinner/dspinner/pin.go`). So the call is not sent again by itself. It waits
    /// for a Kubo that is gone when it comes.
    ///
    /// A cluster pins the block once it is stored.
    pub async fn put_pinned(&self, block: &Block) -> Result<(), IpfsError> {
        if self.is_clustered() {
            self.put(block).await?;
            return self.pin(&block.cid).await;
        }
        let call = metrics::kubo_call("block/put");
        let put = async { block.rpc(true).send_once(self).await?.json().await };
        block.checked(call.run(put).await?)
    }

    /// Checks that Kubo holds every block of a file of `size` bytes, each with the right length. Makes a call per MiB.
    ///
    /// When a read through the gateway breaks off, this tells a broken file from a node that was merely stopped. It does
    /// not find a block of the right length with wrong bytes; reading that does not break off, but the digest differs.
    pub async fn examine(&self, cid: &Cid, size: u64) -> Result<(), IpfsError> {
        self.examine_part(cid, size, &(0..size)).await
    }

    /// As [`examine`](Self::examine), for the blocks that hold the bytes of `range`.
    pub(super) async fn examine_part(
        &self,
        cid: &Cid,
        size: u64,
        range: &Range<u64>,
    ) -> Result<(), IpfsError> {
        let mut end = 0;
        for leaf in self.leaves(cid, size).await? {
            let start = end;
            end += leaf.size;
            if end <= range.start || start >= range.end {
                continue;
            }
            let rpc = Rpc::new(Call::BlockStat).about(&leaf.cid).local(self);
            let stat: Stored = rpc.json(self).await?;
            if (stat.key, stat.size) != (leaf.cid, leaf.size) {
                let Stored { key, size } = stat;
                let message = format!("leaf {key} of {cid} has {size} bytes, not {}", leaf.size);
                return Err(IpfsError::Broken(message));
            }
        }
        Ok(())
    }

    /// Reads a block of at most 2 MiB, verifies it, and returns its bytes.
    pub async fn block(&self, cid: &Cid) -> Result<Bytes, IpfsError> {
        let rpc = Rpc::new(Call::BlockGet).about(cid).local(self);
        let block = rpc.bytes(self, BLOCK).await?;
        let found = Cid::of_block(cid.codec(), &block);
        if found == *cid { Ok(block) } else { Err(other_cid(cid, &found)) }
    }

    /// Reads a block as [`block`](Self::block) does, to store it again.
    pub async fn stored(&self, cid: &Cid) -> Result<Block, IpfsError> {
        Ok(Block { cid: *cid, frames: vec![self.block(cid).await?] })
    }

    /// Checks that Kubo holds a block. Reads only that block, and none below it.
    pub async fn holds(&self, cid: &Cid) -> Result<(), IpfsError> {
        let stat = Rpc::new(Call::BlockStat).about(cid).local(self);
        stat.json::<Stored>(self).await.map(drop)
    }

    /// Finds the leaves of a file of `size` bytes, in order. Reads the nodes above the leaves, never the leaves.
    pub async fn leaves(&self, cid: &Cid, size: u64) -> Result<Vec<Leaf>, IpfsError> {
        let mut leaves = Vec::new();
        let mut ahead = vec![Leaf { cid: *cid, size }];
        while let Some(next) = ahead.pop() {
            if next.cid.codec() == Codec::Raw {
                leaves.push(next);
                continue;
            }
            let below = children(&next.cid, &self.block(&next.cid).await?, next.size)?;
            ahead.extend(below.into_iter().rev());
        }
        Ok(leaves)
    }
}

/// The children of a node of `size` bytes, in order, each with the bytes of the file that are below it.
pub(super) fn children(cid: &Cid, node: &[u8], size: u64) -> Result<Vec<Leaf>, IpfsError> {
    let links =
        parse_node(node).map_err(|error| IpfsError::Broken(format!("node {cid}: {error}")))?;
    if links.iter().map(|link| link.size).sum::<u64>() != size {
        return Err(IpfsError::Broken(format!("{cid} has not {size} bytes")));
    }
    Ok(links.iter().map(|link| Leaf { cid: link.cid, size: link.size }).collect())
}

fn other_cid(expected: &Cid, found: &Cid) -> IpfsError {
    IpfsError::Broken(format!("expected block {expected}, found {found}"))
}
