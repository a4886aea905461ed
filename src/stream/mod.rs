//! Wrappers around [`http_body::Body`]: each does one thing to the frames that pass, hands them on without copying,
//! and forwards `size_hint` and `is_end_stream`.
//!
//! A body ends in one of three ways: done (`None` after the last frame), failed (`Err`, after which nothing comes)
//! or dropped by its reader. No domain words in here; of the other rooms only `oci`'s digests are known.

mod error;
pub mod hashing;
pub mod paced;
pub mod stall;
#[cfg(test)]
mod testing;
pub mod verified;

pub use error::StreamError;
