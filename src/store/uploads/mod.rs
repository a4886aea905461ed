//! Uploads that are not finished, and the pins in Kubo that uploads and blobs need.

pub(crate) mod collection;
pub(crate) mod commit;
pub(crate) mod pin;
pub(crate) mod session;
pub(crate) mod unpin;
pub(crate) mod upload;
