//! The domain: what a registry does with names, digests and bytes. Typed in, typed out, no HTTP.
//!
//! A folder holds a noun and its files the verbs: `registry.manifests().put(..)` stands in `manifest/put.rs`. Rows
//! come from `store`; bytes go to `ipfs` and come from it. What takes bytes or writes rows in several steps runs to
//! its end even if its caller goes away ([`detached`]).
//!
//! Every function may fail with [`RegistryError::Store`], and one that moves bytes with [`RegistryError::Ipfs`].

pub mod blob;
mod detached;
mod error;
mod handle;
pub mod list;
pub mod manifest;
mod sweep;
pub mod upload;

pub use error::{Fault, RegistryError};
pub use handle::{Blobs, Limits, Lists, Manifests, Registry, Uploads};
