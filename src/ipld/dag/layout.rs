//! Building the balanced tree of the profile.

use super::encode::write_node;
use super::tree::{Layout, Leaf, Link};
use crate::ipld::profile::{LEAF_BYTES, MAX_LINKS};
use crate::ipld::{Cid, Codec};

/// The tree that `ipfs add` builds over these leaves: level by level, with [`MAX_LINKS`] children in each node but the
/// last of a level. A single leaf is the file itself. Without a leaf the file is an empty block.
///
/// The CID equals Kubo's when every leaf but the last has [`LEAF_BYTES`].
pub fn layout(leaves: &[Leaf]) -> Layout {
    let mut level: Vec<Link> = leaves
        .iter()
        .map(|leaf| Link { cid: leaf.cid, size: leaf.size, total: leaf.size })
        .collect();
    let mut nodes = Vec::new();
    while level.len() > 1 {
        let mut parents = Vec::with_capacity(level.len().div_ceil(MAX_LINKS));
        for children in level.chunks(MAX_LINKS) {
            let (node, link) = write_node(children);
            nodes.push(node);
            parents.push(link);
        }
        level = parents;
    }
    let root = level.first().map_or_else(|| Cid::of_block(Codec::Raw, &[]), |link| link.cid);
    Layout { root, nodes }
}

/// The size that Kubo reports for a file of `size` bytes: that of all its blocks, nodes included.
pub fn stored_size(size: u64) -> u64 {
    let leaf = |size| Leaf { cid: Cid::new(Codec::Raw, [0; 32]), size };
    let mut leaves: Vec<Leaf> = (0..size / LEAF_BYTES).map(|_| leaf(LEAF_BYTES)).collect();
    leaves.extend((!size.is_multiple_of(LEAF_BYTES)).then(|| leaf(size % LEAF_BYTES)));
    let nodes = layout(&leaves).nodes;
    size + nodes.iter().map(|node| node.bytes.len() as u64).sum::<u64>()
}
