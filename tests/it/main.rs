//! The integration tests: one binary, on real partners.

#![allow(clippy::unwrap_used)]

mod rig;
mod store;
