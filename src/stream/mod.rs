//! Wrappers around [`http_body::Body`]. Each does one thing to the frames that pass, copies none of them, and forwards
//! `size_hint` and `is_end_stream`.
//!
//! A body ends in one of three ways: it is done (`None` after the last frame), it failed (`Err`, and nothing after it),
//! or its reader dropped it. Only [`gather`] copies: it reads a body into memory. [`bulk`] has the threads of the tasks
//! that pass bodies on. This room knows digests and no other word of the domain.

pub mod bounded;
pub mod bulk;
mod error;
pub mod gather;
pub mod hashing;
pub mod lag;
pub mod paced;
pub mod stall;
#[cfg(test)]
mod testing;
pub mod verified;

pub use error::StreamError;
pub use gather::Gathered;
