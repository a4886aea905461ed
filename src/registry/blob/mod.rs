//! Blobs of a repository: finding, reading, mounting and deleting them.

mod delete;
mod find;
mod mount;
mod read;
mod suspect;

pub use find::Blob;
pub use read::BlobBody;
