//! What a reader asks for.

use crate::ipld::Cid;
use crate::oci::Digest;

/// A blob that the rows name.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The file in Kubo that holds its bytes.
    pub cid: Cid,
    /// The digest that its bytes must have.
    pub digest: Digest,
    /// Length of the blob in bytes.
    pub size: u64,
}
