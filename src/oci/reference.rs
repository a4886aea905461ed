//! What the last segment of a manifest path names.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::{Digest, DigestError, Tag, TagError};

/// Why a string is neither a tag nor a digest.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReferenceError {
    /// It holds a colon, so it was meant as a digest.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// It holds none, so it was meant as a tag.
    #[error(transparent)]
    Tag(#[from] TagError),
}

/// A tag or a digest. What holds a colon is a digest or an error, never a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// By digest: never changes what it names.
    Digest(Digest),
    /// By tag: may be moved.
    Tag(Tag),
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(s: &str) -> Result<Self, ReferenceError> {
        if s.contains(':') { Ok(Self::Digest(s.parse()?)) } else { Ok(Self::Tag(s.parse()?)) }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digest(digest) => digest.fmt(f),
            Self::Tag(tag) => tag.fmt(f),
        }
    }
}
