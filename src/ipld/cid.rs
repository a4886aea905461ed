//! Content identifiers of IPFS, of the one kind that this registry uses: version 1, base32, raw or dag-pb, SHA-256.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE32_NOPAD;
use thiserror::Error;

use crate::stream::hashing::sha256_bytes;

/// What kind of block a CID names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// `0x55`: bytes of a file.
    Raw,
    /// `0x70`: a UnixFS node that links to other blocks.
    DagPb,
}

/// A string that is not a CID of the kind that Kubo makes under the import profile.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is not a version 1, base32, SHA-256 CID of a raw or dag-pb block")]
pub struct CidError(String);

/// A CID: `0x01`, codec, `0x12 0x20` (SHA-256, 32 bytes), hash. Printed as multibase base32, `b…`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cid {
    codec: Codec,
    sha256: [u8; 32],
}

impl Cid {
    /// Length of the binary form in bytes.
    pub const BYTES: usize = 36;

    /// Makes the CID of a block by hashing it.
    pub fn of_block(codec: Codec, block: &[u8]) -> Self {
        Self { codec, sha256: sha256_bytes(block) }
    }

    /// Makes the CID of a block from its SHA-256.
    pub fn new(codec: Codec, sha256: [u8; 32]) -> Self {
        Self { codec, sha256 }
    }

    /// The kind of block that it names.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// The SHA-256 of the block.
    pub fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }

    /// The binary form, as dag-pb links hold it.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[0] = 0x01;
        bytes[1] = match self.codec {
            Codec::Raw => 0x55,
            Codec::DagPb => 0x70,
        };
        bytes[2] = 0x12;
        bytes[3] = 0x20;
        bytes[4..].copy_from_slice(&self.sha256);
        bytes
    }

    /// Parses the binary form. `None` for a CID of another kind.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let codec = match bytes.get(..4)? {
            [0x01, 0x55, 0x12, 0x20] => Codec::Raw,
            [0x01, 0x70, 0x12, 0x20] => Codec::DagPb,
            _ => return None,
        };
        Some(Self { codec, sha256: bytes[4..].try_into().ok()? })
    }
}

impl FromStr for Cid {
    type Err = CidError;

    fn from_str(s: &str) -> Result<Self, CidError> {
        let error = || CidError(s.chars().take(64).collect());
        let base32 = s.strip_prefix('b').ok_or_else(error)?;
        if base32.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(error());
        }
        let bytes =
            BASE32_NOPAD.decode(base32.to_ascii_uppercase().as_bytes()).map_err(|_| error())?;
        Self::from_bytes(&bytes).ok_or_else(error)
    }
}

impl fmt::Display for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b{}", BASE32_NOPAD.encode(&self.to_bytes()).to_ascii_lowercase())
    }
}

impl fmt::Debug for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_cids_follow_from_the_sha256() {
        let hello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        let hash = data_encoding::HEXLOWER.decode(hello.as_bytes()).unwrap();
        let cid = Cid::new(Codec::Raw, hash.try_into().unwrap());
        let text = "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq";
        assert_eq!(cid.to_string(), text);
        assert_eq!(text.parse(), Ok(cid));
    }

    #[test]
    fn other_kinds_are_refused() {
        for text in [
            "",
            "b",
            "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn",
            "bafy",
            "zb2rhe5P4gXftAwvA4eXQ5HJwsER2owDyS9sKaQRRVQPn93bA",
            "BAFKREIBM6JG3UX5QUMHCN2B3FLC3TYU6DMLB4XA7U5BF44YEGNRJHC4YEQ",
        ] {
            assert!(text.parse::<Cid>().is_err(), "{text}");
        }
    }
}
