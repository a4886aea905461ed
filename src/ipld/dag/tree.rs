//! The parts of a file's tree: leaves, nodes and the links between them.

use bytes::Bytes;

use crate::ipld::Cid;
use crate::stream::hashing::sha256_bytes;

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
    /// CID of the child.
    pub cid: Cid,
    /// Bytes of the file below it (UnixFS `blocksizes`).
    pub size: u64,
    /// Bytes of all blocks below it, its own included (dag-pb `Tsize`).
    pub total: u64,
}

/// The SHA-256 that names a block.
pub fn sha256(block: &[u8]) -> [u8; 32] {
    sha256_bytes(block)
}
