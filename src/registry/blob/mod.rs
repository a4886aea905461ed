//! Blobs of a repository: getting their rows, reading their bytes, mounting and deleting them.

mod delete;
mod get;
mod mount;
mod read;
mod suspect;

pub use get::Blob;
pub use read::BlobBody;
