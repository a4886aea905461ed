//! Blobs of a repository: getting their rows, reading their bytes, comparing these with their digests, mounting
//! and deleting them.

mod delete;
mod get;
mod mount;
mod pulls;
mod read;
mod scrub;
mod suspect;
mod suspicion;

pub use get::Blob;
pub use pulls::Puller;
pub(super) use pulls::Pulls;
pub use read::BlobBody;
pub use scrub::Scrubbed;
pub(super) use suspicion::Suspicion;
