//! Small wrappers around bodies and the hashes that run inside them.
//!
//! Nothing here knows a repository, a blob or a partner.

pub mod hashing;
