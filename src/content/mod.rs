//! The bytes of blobs. [`Content::open`] is the one way by which clients read them. It chooses the source: a small blob in
//! memory (`memory`), a copy on the local disk (`hot`), or the origin. Whatever the source is, a whole blob ends only after
//! its digest matched.
//!
//! Who may read a blob is decided before, from the rows: this room asks nobody. It knows digests, sizes and CIDs, and
//! neither repositories nor HTTP. Manifests are looked up elsewhere, and stay in memory in the same way ([`Kept`]).

mod body;
mod buffers;
mod door;
mod hot;
mod kept;
mod local;
mod memory;
mod origin;
mod pages;
mod rest;
mod wanted;

pub use body::ContentBody;
pub use door::Content;
pub use kept::{Kept, kept};
pub use local::Repository;
pub use wanted::Wanted;
