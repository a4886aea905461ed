//! What repositories hold: blobs, manifests, tags and referrers.

pub(crate) mod blob;
pub(crate) mod manifest;
pub(crate) mod referrer;
pub(crate) mod repository;
pub(crate) mod tag;
