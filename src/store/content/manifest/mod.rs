//! Manifests: finding, deleting and storing them.

mod manifests;
mod put;

pub use manifests::{KnownManifest, ManifestHead, Manifests, StoredManifest};
pub use put::{NewManifest, Put};
