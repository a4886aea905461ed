//! The parts of a file's tree: leaves, nodes and the links between them.

use bytes::Bytes;

use crate::ipld::Cid;

/// A raw block with bytes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// CID of codec raw.
    pub cid: Cid,
    /// Length in bytes.
    pub size: u64,
}

/// A node that links to leaves or to other nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// CID of codec dag-pb.
    pub cid: Cid,
    /// The encoded block, at most about 54 KiB.
    pub bytes: Bytes,
}

/// The tree over the leaves of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The CID of the file.
    pub root: Cid,
    /// All nodes, children before their parents and the root last. Empty when the file has at most one leaf.
    pub nodes: Vec<Node>,
}

/// A link of a node to a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// CID of the child.
    pub cid: Cid,
    /// Bytes of the file below the child (UnixFS `blocksizes`).
    pub size: u64,
    /// Bytes of the child's block and of all blocks below it (dag-pb `Tsize`).
    pub total: u64,
}
