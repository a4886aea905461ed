//! The handlers. Each file holds one noun, each function one verb. A function takes typed arguments and a permission.

pub(super) mod blob;
pub(super) mod catalog;
pub(in crate::http) mod health;
pub(super) mod manifest;
pub(super) mod referrer;
pub(super) mod tag;
pub(super) mod token;
pub(super) mod upload;
pub(super) mod version;
