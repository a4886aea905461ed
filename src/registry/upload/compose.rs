//! Composing one file of an upload's parts, with the CID that one `ipfs add` of the whole would give.

use super::readback::extents;
use crate::ipfs::Block;
use crate::ipld::Cid;
use crate::ipld::dag;
use crate::registry::pins::Content;
use crate::registry::{Collector, RegistryError, Uploads};
use crate::store::{Claim, Upload};

/// A file whose leaves Kubo holds, if it has more than one block. Nothing of it is pinned.
pub(super) struct Composed {
    pub(super) cid: Cid,
    /// The root, unless Kubo holds it.
    pub(super) root: Option<Block>,
    /// Nodes between root and leaves. They may be missing as well.
    inner: Vec<Block>,
}

impl Composed {
    /// A file that is one block.
    pub(super) fn block(root: Block) -> Self {
        Self { cid: root.cid(), root: Some(root), inner: Vec::new() }
    }
}

impl Uploads<'_> {
    /// Makes the nodes above the leaves of an upload that has no pieces. No byte is copied, since Kubo already has the
    /// leaves.
    pub(super) async fn compose(self, upload: &Upload) -> Result<Composed, RegistryError> {
        let parts = self.0.store().uploads().parts(upload.id).await?;
        let extents = extents(&parts, upload.received);
        match extents.as_slice() {
            [] => return Ok(Composed::block(Block::raw(Vec::new()))),
            [(part, length)] if *length == part.size => {
                return Ok(Composed { cid: part.cid, root: None, inner: Vec::new() });
            }
            _ => {}
        }
        let mut leaves = Vec::new();
        for (part, length) in extents {
            let mut covered = 0;
            for leaf in self.0.ipfs().leaves(&part.cid, part.size).await? {
                if covered + leaf.size > length {
                    break;
                }
                covered += leaf.size;
                leaves.push(leaf);
            }
        }
        let layout = dag::layout(&leaves);
        let Some((root, inner)) = layout.nodes.split_last() else {
            // A single leaf, which is the beginning of a part.
            return Ok(Composed { cid: layout.root, root: None, inner: Vec::new() });
        };
        let inner = inner.iter().map(Block::node).collect();
        Ok(Composed { cid: layout.root, root: Some(Block::node(root)), inner })
    }

    /// Pins a file, and stores what is missing of it.
    pub(super) async fn pin(self, composed: &Composed) -> Result<Claim, RegistryError> {
        for node in &composed.inner {
            self.0.ipfs().put(node).await?;
        }
        let content = composed.root.as_ref().map_or(Content::Stored, Content::Block);
        let claim = self.0.pin(&composed.cid, content).await?;
        if self.0.limits().collector == Collector::Node {
            // The node may have removed a new block before the root was pinned. The pins of the parts hold the rest.
            for node in &composed.inner {
                self.0.ipfs().holds(&node.cid()).await?;
            }
        }
        Ok(claim)
    }
}
