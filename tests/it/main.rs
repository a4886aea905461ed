//! Every test that needs a real partner, in one binary.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod ipfs;
mod rig;
