//! Ids of uploads.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use uuid::Uuid;

/// A string that is not a hyphenated UUID, and so not the id of any upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("an upload is named by a UUID of 36 characters")]
pub struct UploadIdError;

/// The id of an upload: the last segment of its `Location`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UploadId(pub Uuid);

impl FromStr for UploadId {
    type Err = UploadIdError;

    fn from_str(s: &str) -> Result<Self, UploadIdError> {
        // The uuid crate accepts several forms. Only the hyphenated one has 36 characters.
        if s.len() != 36 {
            return Err(UploadIdError);
        }
        Uuid::try_parse(s).map(Self).map_err(|_| UploadIdError)
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_only_the_hyphenated_form() {
        let text = "67e55044-10b1-426f-9247-bb680e5fe0c8";
        assert_eq!(text.parse::<UploadId>().unwrap().to_string(), text);
        assert_eq!(text.to_uppercase().parse::<UploadId>().unwrap().to_string(), text);
        for other in [
            "",
            "67e5504410b1426f9247bb680e5fe0c8",
            "{67e55044-10b1-426f-9247-bb680e5fe0c8}",
            "urn:uuid:67e55044-10b1-426f-9247-bb680e5fe0c8",
            "67e55044-10b1-426f-9247-bb680e5fe0c",
            "67e55044-10b1-426f-9247-bb680e5fe0cg",
            "67e55044-10b1-426f-9247/bb680e5fe0c8",
        ] {
            assert_eq!(other.parse::<UploadId>(), Err(UploadIdError), "{other}");
        }
    }
}
