//! Content identifiers and the tree above the leaves of a file, as Kubo's import profile `unixfs-v1-2025` makes them.
//!
//! Pure: no async, no I/O, no client of Kubo.

mod cid;
pub mod dag;
pub mod profile;

pub use cid::{Cid, CidError, Codec};
