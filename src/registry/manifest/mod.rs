//! Manifests of a repository: getting, putting and deleting them.

mod bodies;
mod delete;
mod get;
mod put;

pub(in crate::registry) use bodies::Bodies;
pub(in crate::registry) use put::described;
pub use put::{Accepted, Pushed};
