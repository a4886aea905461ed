//! Content digests, `sha256:<hex>`.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use thiserror::Error;

/// A digest algorithm that this registry can compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// SHA-256, the algorithm of nearly every image.
    Sha256,
    /// SHA-512, the other registered algorithm that clients use.
    Sha512,
}

impl Algorithm {
    /// Name of the algorithm, as a digest has it before the colon.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// Length of the hash in bytes.
    pub fn hash_len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

impl FromStr for Algorithm {
    type Err = DigestError;

    fn from_str(s: &str) -> Result<Self, DigestError> {
        match s {
            "sha256" => Ok(Self::Sha256),
            "sha512" => Ok(Self::Sha512),
            other => Err(DigestError::Unsupported(other.chars().take(32).collect())),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a string is not a digest that this registry can serve.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DigestError {
    /// The string does not match the grammar `algorithm ":" encoded` (image specification, descriptor.md, "Digests").
    #[error("a digest is written algorithm:encoded, as in sha256:<64 lower-case hex digits>")]
    Malformed,
    /// The string matches the grammar, but this registry does not compute its algorithm.
    #[error("digest algorithm `{0}` is not supported; sha256 and sha512 are")]
    Unsupported(String),
    /// The algorithm is known, but the encoded part has a wrong length or other characters than lower-case hex.
    #[error("a {0} digest has {n} lower-case hex digits", n = .0.hash_len() * 2)]
    Encoding(Algorithm),
}

/// A valid digest of an algorithm that this registry computes.
///
/// Grammar: image specification, descriptor.md, "Digests".
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest {
    algorithm: Algorithm,
    text: Box<str>,
}

impl Digest {
    /// Builds a digest from the raw hash.
    ///
    /// # Panics
    /// When the length of `hash` is not that of the algorithm. No input of a client can cause this.
    pub fn from_hash(algorithm: Algorithm, hash: &[u8]) -> Self {
        assert_eq!(hash.len(), algorithm.hash_len(), "hash length of {algorithm}");
        let text = format!("{algorithm}:{}", HEXLOWER.encode(hash)).into();
        Self { algorithm, text }
    }

    /// The algorithm that computes this digest.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The digest as text, with its algorithm: `sha256:…`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The hash in hex, without the algorithm.
    pub fn hex(&self) -> &str {
        &self.text[self.algorithm.as_str().len() + 1..]
    }

    /// The hash in bytes.
    pub fn hash(&self) -> Vec<u8> {
        HEXLOWER.decode(self.hex().as_bytes()).unwrap_or_default()
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(s: &str) -> Result<Self, DigestError> {
        if !is_well_formed(s) {
            return Err(DigestError::Malformed);
        }
        let (algorithm, encoded) = s.split_once(':').ok_or(DigestError::Malformed)?;
        let algorithm: Algorithm = algorithm.parse()?;
        let hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        if encoded.len() != algorithm.hash_len() * 2 || !encoded.bytes().all(hex) {
            return Err(DigestError::Encoding(algorithm));
        }
        Ok(Self { algorithm, text: s.into() })
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether `s` has the shape of a digest of any algorithm: `alg (sep alg)* ":" encoded`.
///
/// Descriptors in a manifest may name algorithms that this registry does not compute.
pub fn is_well_formed(s: &str) -> bool {
    let Some((algorithm, encoded)) = s.split_once(':') else { return false };
    let component =
        |c: &str| !c.is_empty() && c.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    s.len() <= 1024
        && algorithm.split(['+', '.', '_', '-']).all(component)
        && !encoded.is_empty()
        && encoded.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'=' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn parses_and_prints_itself() {
        let digest: Digest = EMPTY.parse().unwrap();
        assert_eq!(digest.to_string(), EMPTY);
        assert_eq!(digest.algorithm(), Algorithm::Sha256);
        assert_eq!(Digest::from_hash(Algorithm::Sha256, &digest.hash()), digest);
    }

    #[test]
    fn distinguishes_malformed_unsupported_and_badly_encoded() {
        let cases = [
            ("", DigestError::Malformed),
            ("sha256", DigestError::Malformed),
            ("sha256:", DigestError::Malformed),
            ("Sha256:abc", DigestError::Malformed),
            ("sha256:a/b", DigestError::Malformed),
            ("+sha256:ab", DigestError::Malformed),
            ("md5:abc", DigestError::Unsupported("md5".into())),
            (
                "sha256+b64u:LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564",
                DigestError::Unsupported("sha256+b64u".into()),
            ),
            ("sha256:abc", DigestError::Encoding(Algorithm::Sha256)),
            ("sha512:abc", DigestError::Encoding(Algorithm::Sha512)),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Digest>(), Err(expected), "{text}");
        }
        let upper = EMPTY.replace("e3b0", "E3B0");
        assert_eq!(upper.parse::<Digest>(), Err(DigestError::Encoding(Algorithm::Sha256)));
    }
}
