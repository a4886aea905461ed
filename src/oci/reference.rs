//! References to a manifest: a tag or a digest.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::{Digest, DigestError, Tag, TagError};

/// Why a string is neither a tag nor a digest.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReferenceError {
    /// The string has a colon, so it was meant as a digest.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// The string has no colon, so it was meant as a tag.
    #[error(transparent)]
    Tag(#[from] TagError),
}

/// The last segment of a manifest's path. A string with a colon is a digest or an error, never a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// Names one manifest for ever.
    Digest(Digest),
    /// Names the manifest that the tag points to now.
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
