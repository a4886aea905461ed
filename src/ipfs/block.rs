//! Single blocks: stores and reads them, and finds the leaves below them.

use std::ops::Range;

use bytes::Bytes;
use serde::Deserialize;

use super::answer;
use super::error::IpfsError;
use super::kubo::Kubo;
use super::rpc::Rpc;
use crate::ipld::dag::{Leaf, Node, parse_node};
use crate::ipld::{Cid, Codec};

/// Largest block in bytes that nodes exchange (Bitswap, 2 MiB).
const BLOCK: usize = 2 << 20;

#[derive(Deserialize)]
struct Stored {
    #[serde(rename = "Key", deserialize_with = "answer::cid")]
    key: Cid,
    #[serde(rename = "Size")]
    size: u64,
}

impl Kubo {
    /// Stores and pins a block of plain bytes, at most 1 MiB. Its CID is the one that `ipfs add` gives to a file of these
    /// bytes. The caller compares it with the digest that it expects.
    pub async fn put_raw(&self, frames: Vec<Bytes>) -> Result<Cid, IpfsError> {
        let size = frames.iter().map(|frame| frame.len() as u64).sum();
        self.put("cid-codec=raw&pin=true", Codec::Raw, frames, size).await
    }

    /// Stores a node. A pin holds everything below the node but reads none of it, so the children must be stored already.
    pub async fn put_node(&self, node: &Node, pin: bool) -> Result<Cid, IpfsError> {
        let options = format!("cid-codec=dag-pb&pin={pin}");
        let size = node.bytes.len() as u64;
        let cid = self.put(&options, Codec::DagPb, [node.bytes.clone()], size).await?;
        if cid == node.cid { Ok(cid) } else { Err(other_cid(&node.cid, &cid)) }
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
            let rpc = Rpc::new("block/stat").about(&leaf.cid).with("offline=true");
            let stat: Stored = rpc.json(&self.api).await?;
            if (stat.key, stat.size) != (leaf.cid, leaf.size) {
                let Stored { key, size } = stat;
                let message = format!("leaf {key} of {cid} has {size} bytes, not {}", leaf.size);
                return Err(IpfsError::Broken(message));
            }
        }
        Ok(())
    }

    async fn put(
        &self,
        options: &str,
        codec: Codec,
        frames: impl IntoIterator<Item = Bytes>,
        size: u64,
    ) -> Result<Cid, IpfsError> {
        let rpc = Rpc::new("block/put").with("mhtype=sha2-256&allow-big-block=false").with(options);
        let put: Stored = rpc.file(frames).json(&self.api).await?;
        if put.key.codec() != codec || put.size != size {
            let Stored { key, size: stored } = put;
            let message = format!("block/put of {size} bytes stored {stored} as {key}");
            return Err(IpfsError::Broken(message));
        }
        Ok(put.key)
    }

    /// Reads a block of at most 2 MiB and verifies it.
    pub async fn block(&self, cid: &Cid) -> Result<Bytes, IpfsError> {
        let rpc = Rpc::new("block/get").about(cid).with("offline=true");
        let block = rpc.bytes(&self.api, BLOCK).await?;
        let found = Cid::of_block(cid.codec(), &block);
        if found == *cid { Ok(block) } else { Err(other_cid(cid, &found)) }
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
            let links = parse_node(&self.block(&next.cid).await?)
                .map_err(|error| IpfsError::Broken(format!("node {}: {error}", next.cid)))?;
            if links.iter().map(|link| link.size).sum::<u64>() != next.size {
                return Err(IpfsError::Broken(format!("{} has not {} bytes", next.cid, next.size)));
            }
            ahead.extend(links.iter().rev().map(|link| Leaf { cid: link.cid, size: link.size }));
        }
        Ok(leaves)
    }
}

fn other_cid(expected: &Cid, found: &Cid) -> IpfsError {
    IpfsError::Broken(format!("expected block {expected}, found {found}"))
}
