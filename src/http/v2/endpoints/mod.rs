//! The handlers: one noun a file, one function a verb. Typed arguments and a permission in, an answer out.

pub(super) mod blob;
pub(super) mod catalog;
pub(super) mod health;
pub(super) mod manifest;
pub(super) mod referrer;
pub(super) mod tag;
pub(super) mod token;
pub(super) mod upload;
pub(super) mod version;
