//! The tree above the leaves of a file, in UnixFS and dag-pb: a parser and a writer.
//!
//! Both know only the canonical form, which `ipfs add` writes under the import [`profile`](super::profile) (dag-pb and
//! UnixFS specifications; boxo `ipld/unixfs/importer/balanced`). So a file that is composed here gets the CID that Kubo
//! would give it.

mod encode;
mod layout;
mod parse;
#[cfg(test)]
mod tests;
mod tree;
pub(in crate::ipld) mod varint;

pub use encode::write_node;
pub use layout::{layout, stored_size};
pub use parse::{DagError, parse_node};
pub use tree::{Layout, Leaf, Link, Node};
