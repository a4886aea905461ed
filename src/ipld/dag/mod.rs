//! The tree above the leaves of a file: UnixFS in dag-pb, read and written.
//!
//! Only the canonical form is known, the one that `ipfs add` writes under the profile `unixfs-v1-2025`: CIDv1, raw
//! leaves, at most [`MAX_LINKS`] links a node, balanced (dag-pb and UnixFS specifications; boxo
//! `ipld/unixfs/importer/balanced`). So a file composed here gets the CID that Kubo would give it.

mod encode;
mod layout;
mod parse;
#[cfg(test)]
mod tests;
mod varint;

use bytes::Bytes;

use super::Cid;
use crate::oci::Algorithm;
use crate::stream::hashing::Hasher;

pub use encode::write_node;
pub use layout::layout;
pub use layout::stored_size;
pub use parse::{DagError, parse_node};

/// Bytes of a leaf of the profile; the last one of a file may have fewer.
pub const CHUNK: u64 = 1 << 20;
/// Links a node of the profile has at most.
pub const MAX_LINKS: usize = 1024;

/// A raw block of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Its CID, of codec raw.
    pub cid: Cid,
    /// Bytes in it.
    pub size: u64,
}

/// A node as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its CID, of codec dag-pb.
    pub cid: Cid,
    /// Its block, at most some 54 KiB.
    pub bytes: Bytes,
}

/// The tree over the leaves of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The CID of the file.
    pub root: Cid,
    /// Children before parents, the root last. Empty when the file is a single leaf.
    pub nodes: Vec<Node>,
}

/// A child of a node, in the order of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// What it points to.
    pub cid: Cid,
    /// Bytes of the file below it (UnixFS `blocksizes`).
    pub size: u64,
    /// Bytes of all blocks below it, its own included (dag-pb `Tsize`).
    pub total: u64,
}

/// The SHA-256 that names a block.
pub fn sha256(block: &[u8]) -> [u8; 32] {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    hasher.update(block);
    let mut hash = [0; 32];
    hash.copy_from_slice(&hasher.finish().hash());
    hash
}
