//! Content identifiers, and the tree above the leaves of a file as Kubo's import profile `unixfs-v1-2025` builds it.
//!
//! Pure: nothing here is async or does I/O.

mod cid;
pub mod dag;
pub mod profile;

pub use cid::{Cid, CidError, Codec};
