//! Manifests of a repository: getting, putting and deleting them.

mod delete;
mod get;
mod put;

pub use put::{Accepted, Pushed};
