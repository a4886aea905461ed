//! Blocks read straight from the files of a Kubo whose repository is on this host, without a word to Kubo.
//!
//! Read-only, and only what [`flatfs`] knows: a file for each block. The tree above the leaves is read from there too,
//! and each of its nodes is compared with its CID. Who reads a whole file compares its digest, so its leaves are not
//! hashed here. A range has no digest, so each leaf of it is compared with its CID before a byte of it is passed on;
//! that costs hashing a MiB for each leaf that the range touches, and makes a range as trustworthy as a whole file.
//!
//! A block that is not there or cannot be read is a [`Miss`], and the caller asks Kubo from that byte on. A block that is
//! removed by Kubo's garbage collection while it is read stays readable, because its file is open.

mod flatfs;
mod leaf;
mod leaves;
mod miss;
mod reader;
mod repository;
#[cfg(test)]
mod tests;
mod walk;

pub(super) use leaves::Leaves;
pub(super) use miss::Miss;
pub(super) use reader::Reader;
pub use repository::Repository;
