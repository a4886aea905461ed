//! Storing, reading and deleting manifests.

mod delete;
mod put;
mod read;

pub use put::{Accepted, Pushed};
