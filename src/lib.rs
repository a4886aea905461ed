//! The Alternate Futures Registry: an OCI container registry that keeps its metadata in PostgreSQL and its
//! bytes in IPFS.
//!
//! Data goes one way: connection → service → router → auth → endpoint → registry operation → store / ipfs, and
//! answers come back up the same stairs. Each room below says on its door-plate what lives there.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod cid;
pub mod oci;
pub mod store;
pub mod telemetry;
