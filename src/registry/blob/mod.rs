//! Blobs of a repository: finding, reading, mounting and deleting them.

mod delete;
mod mount;
mod read;
mod suspect;

pub use read::{BlobBody, BlobRead};
