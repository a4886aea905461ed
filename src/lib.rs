//! The Alternate Futures Registry: an OCI container registry that keeps its metadata in PostgreSQL and its
//! bytes in IPFS.
//!
//! Data goes one way: connection → service → router → auth → endpoint → registry operation → store / ipfs, and
//! answers come back up the same stairs. Each room below says on its door-plate what lives there.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod accounts;
pub mod acme;
pub mod app;
pub mod auth;
pub mod cli;
pub mod config;
pub mod embedded;
pub mod http;
pub mod ipfs;
pub mod ipld;
pub mod jobs;
pub mod net;
pub mod oci;
pub mod outbound;
pub mod registry;
pub mod rights;
pub mod seal;
pub mod store;
pub mod stream;
pub mod telemetry;
