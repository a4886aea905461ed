//! The vocabulary of the OCI Distribution and Image specifications: names, tags, digests, references, and the rest of
//! what a request or a manifest contains.
//!
//! Pure: nothing here is async, does I/O or uses another room. Bytes from outside are parsed into one of these types
//! once, by `FromStr` or `parse`, and never checked again.

mod byteranges;
mod descriptor;
mod digest;
mod error_code;
pub mod header;
mod manifest;
pub mod media_type;
mod name;
mod page;
mod path;
mod query;
mod range;
mod reference;
mod tag;
mod upload_id;

pub use byteranges::Byteranges;
pub use descriptor::Descriptor;
pub use digest::{Algorithm, Digest, DigestError, is_well_formed};
pub use error_code::ErrorCode;
pub use manifest::{Manifest, ManifestError};
pub use media_type::{ManifestKind, MediaTypeError};
pub use name::{NameError, RepositoryName};
pub use page::{PageError, PageRequest, next_link};
pub use path::{DigestOf, Path, PathError};
pub use query::{Query, QueryError};
pub use range::{Chunk, ChunkError, Selection, content_range, received_range, unsatisfied_range};
pub use reference::{Reference, ReferenceError};
pub use tag::{Tag, TagError};
pub use upload_id::{UploadId, UploadIdError};
