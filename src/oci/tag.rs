//! The grammar of tags.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A string that does not match the grammar of tags.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "a tag has 1 to 128 characters of A-Z a-z 0-9 _ . - and does not begin with a period or a hyphen"
)]
pub struct TagError;

/// A tag: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}` (distribution specification, "Pulling manifests").
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(Box<str>);

impl Tag {
    /// The tag as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = TagError;

    fn from_str(s: &str) -> Result<Self, TagError> {
        let first = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let rest = |b: u8| first(b) || b == b'.' || b == b'-';
        let legal = s.len() <= 128 && s.bytes().next().is_some_and(first) && s.bytes().all(rest);
        if legal { Ok(Self(s.into())) } else { Err(TagError) }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_grammar() {
        for tag in ["latest", "_", "V1.0-rc_1", "0", &"x".repeat(128)] {
            assert!(tag.parse::<Tag>().is_ok(), "{tag}");
        }
        for tag in ["", ".a", "-a", "a:b", "a/b", "a b", "a+b", &"x".repeat(129)] {
            assert_eq!(tag.parse::<Tag>(), Err(TagError), "{tag}");
        }
    }
}
