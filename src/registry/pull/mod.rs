//! The download pipeline: digest → row → bytes, verified on the way.

mod blob;
mod manifest;
mod verify;

pub use blob::{BlobBody, BlobRead};
