//! The open leaf of an upload: the stored bytes after its last leaf border. The next part begins with them again, so that
//! every leaf of the blob but the last is full.

use bytes::{Bytes, BytesMut};

use crate::ipfs::IpfsError;
use crate::ipld::profile::LEAF_BYTES;
use crate::registry::{RegistryError, Uploads};
use crate::store::{StoreError, Upload};

impl Uploads<'_> {
    /// Reads the open leaf. The last part may hold its beginning, which is verified, and pieces hold the rest.
    pub(super) async fn open_leaf(self, upload: &Upload) -> Result<Bytes, RegistryError> {
        let length = upload.received % LEAF_BYTES;
        if length == 0 {
            return Ok(Bytes::new());
        }
        let border = upload.received - length;
        let stored = upload.last.map_or(0, |last| last.offset + last.size);
        let mut leaf = BytesMut::new();
        if let Some(last) = upload.last
            && stored > border
        {
            let leaves = self.0.ipfs().leaves(&last.cid, last.size).await?;
            let missing = || IpfsError::Broken(format!("part {} has no leaves", last.cid));
            let block = self.0.ipfs().block(&leaves.last().ok_or_else(missing)?.cid).await?;
            leaf.extend_from_slice(&block);
        }
        if upload.pieces > 0 {
            for piece in self.0.store().uploads().pieces(upload.id, stored.max(border)).await? {
                leaf.extend_from_slice(&piece);
            }
        }
        if leaf.len() as u64 == length {
            return Ok(leaf.freeze());
        }
        let (id, found) = (upload.id, leaf.len());
        let text = format!("the open leaf of upload {id} has {found} bytes instead of {length}");
        Err(StoreError::Internal(text).into())
    }
}
