//! The vocabulary of the OCI Distribution and Image specifications: names, tags, digests, references and what
//! else is spelled in a request or a manifest.
//!
//! Pure: nothing here is async, does I/O or knows another room. Bytes from outside become one of these types
//! once, by `FromStr`, and are never checked again.

mod digest;
mod name;
mod reference;
mod tag;

pub use digest::{Algorithm, Digest, DigestError, is_well_formed};
pub use name::{NameError, RepositoryName};
pub use reference::{Reference, ReferenceError};
pub use tag::{Tag, TagError};
