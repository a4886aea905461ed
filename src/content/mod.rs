//! The bytes of blobs. [`Content::open`] is the one way by which clients read them: it chooses the source, and whatever the
//! source is, a whole blob ends only after its digest matched.
//!
//! Who may read a blob is decided before, from the rows: this room asks nobody. It knows digests, sizes and CIDs, and
//! neither repositories nor HTTP.

mod body;
mod door;

pub use body::ContentBody;
pub use door::Content;
