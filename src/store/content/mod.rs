//! What repositories hold: blobs, manifests, tags and referrers, and when their bytes were compared.

pub(crate) mod blob;
pub(crate) mod manifest;
pub(crate) mod referrer;
pub(crate) mod repository;
pub(crate) mod scrub;
pub(crate) mod tag;
