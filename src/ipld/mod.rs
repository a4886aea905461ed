//! Content identifiers, the tree above the leaves of a file as Kubo's import profile `unixfs-v1-2025` builds it, and
//! archives of blocks.
//!
//! Pure: nothing here is async or does I/O.

pub mod car;
mod cid;
pub mod dag;
pub mod profile;

pub use cid::{Cid, CidError, Codec};
