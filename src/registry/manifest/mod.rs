//! Taking manifests in.

mod put;

pub use put::{Accepted, Pushed};
