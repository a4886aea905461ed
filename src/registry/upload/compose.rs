//! Composing one file of an upload's parts, with the CID that one `ipfs add` of the whole would give.

use super::readback::extents;
use crate::ipld::Cid;
use crate::ipld::dag;
use crate::registry::{RegistryError, Uploads};
use crate::store::Upload;

/// A file that Kubo holds and pins.
pub(super) struct Composed {
    pub(super) cid: Cid,
    /// Nodes between root and leaves. Each was pinned before the root was; the pin of the root makes theirs needless.
    pub(super) inner: Vec<Cid>,
}

impl Uploads<'_> {
    /// Writes the nodes above the leaves of all parts of an upload that has no pieces. No byte is copied, since Kubo
    /// already has the leaves.
    pub(super) async fn compose(self, upload: &Upload) -> Result<Composed, RegistryError> {
        let parts = self.0.store().uploads().parts(upload.id).await?;
        let extents = extents(&parts, upload.received);
        match extents.as_slice() {
            [] => {
                let cid = self.0.ipfs().put_raw(Vec::new()).await?;
                return Ok(Composed { cid, inner: Vec::new() });
            }
            [(part, length)] if *length == part.size => {
                return Ok(Composed { cid: part.cid, inner: Vec::new() });
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
        for node in &layout.nodes {
            self.0.ipfs().put_node(node, true).await?;
        }
        let inner = layout.nodes.iter().map(|node| node.cid).filter(|cid| *cid != layout.root);
        Ok(Composed { cid: layout.root, inner: inner.collect() })
    }
}
