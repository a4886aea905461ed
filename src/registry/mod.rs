//! The domain: what a registry does with names, digests and bytes. It knows no HTTP status and no header.
//!
//! Each folder is a noun and each of its files a verb: `registry.manifests().put(..)` is in `manifest/put.rs`. Metadata
//! is in `store`, bytes are in `ipfs`. An operation that receives bytes or has several steps runs to its end even if
//! its caller goes away (`detached.rs`).
//!
//! Every operation may fail with [`RegistryError::Store`], and one that moves bytes also with [`RegistryError::Ipfs`].

pub mod backup;
pub mod blob;
mod cause;
mod collecting;
mod collector;
mod detached;
mod disk;
mod error;
mod handle;
pub mod list;
pub mod manifest;
mod namespace;
mod pace;
mod pins;
mod remembered;
mod rules;
mod traffic;
mod transfers;
pub mod upkeep;
pub mod upload;

pub use collector::Collector;
pub use disk::FreeDisk;
pub use error::{Fault, RegistryError};
pub use handle::{Blobs, Limits, Lists, Manifests, Readiness, Registry, Uploads};
pub use namespace::NamespaceLimits;
pub use rules::EndRules;
