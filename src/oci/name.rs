//! Repository names.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;

/// Why a string is not a repository name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// The string does not match the grammar.
    #[error(
        "a repository name is made of lower-case letters and digits, joined by one of . _ __ or any run of -, in components joined by /"
    )]
    Malformed,
    /// The string has more than [`RepositoryName::MAX_LEN`] characters.
    #[error("a repository name has at most {max} characters", max = RepositoryName::MAX_LEN)]
    TooLong,
}

/// The name of a repository, such as `library/alpine`. Cheap to clone.
///
/// Grammar: distribution specification, "Pulling manifests":
/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepositoryName(Arc<str>);

impl RepositoryName {
    /// Clients limit host, slash and name together to 255 characters, so no name can be longer.
    pub const MAX_LEN: usize = 255;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RepositoryName {
    type Err = NameError;

    fn from_str(s: &str) -> Result<Self, NameError> {
        if s.len() > Self::MAX_LEN {
            return Err(NameError::TooLong);
        }
        if !s.split('/').all(is_component) {
            return Err(NameError::Malformed);
        }
        Ok(Self(s.into()))
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_component(component: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = component.as_bytes();
    let mut at = 0;
    loop {
        let word = bytes[at..].iter().take_while(|b| alphanumeric(**b)).count();
        if word == 0 {
            return false;
        }
        at += word;
        if at == bytes.len() {
            return true;
        }
        let separator = bytes[at..].iter().take_while(|b| !alphanumeric(**b)).count();
        match &bytes[at..at + separator] {
            b"." | b"_" | b"__" => {}
            run if run.iter().all(|b| *b == b'-') => {}
            _ => return false,
        }
        at += separator;
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_names_of_the_grammar() {
        for name in [
            "a",
            "0",
            "library/alpine",
            "a.b",
            "a_b",
            "a__b",
            "a-b",
            "a---b",
            "a/b/c",
            "blobs/uploads",
            "manifests",
            "tags/list",
            "a.b_c__d-e/f0",
        ] {
            assert_eq!(name.parse::<RepositoryName>().map(|n| n.to_string()), Ok(name.to_owned()));
        }
        assert!("a".repeat(255).parse::<RepositoryName>().is_ok());
    }

    #[test]
    fn refuses_other_names() {
        for name in [
            "", "/", "a/", "/a", "a//b", "A", "a..b", "a___b", "a._b", "a-.b", "-a", "a-", ".a",
            "a.", "..", "a/../b", "a%2Fb", "ä", "a b", "a:b",
        ] {
            assert_eq!(name.parse::<RepositoryName>(), Err(NameError::Malformed), "{name}");
        }
        assert_eq!("a".repeat(256).parse::<RepositoryName>(), Err(NameError::TooLong));
    }
}
