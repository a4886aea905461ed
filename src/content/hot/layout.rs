//! The format of a copy: the bytes of the blob, a checksum of each piece, and a trailer.
//!
//! | bytes | what |
//! |---|---|
//! | `size` | the blob |
//! | 8 for each piece | XXH3 of the piece, little-endian |
//! | 8 | XXH3 of all these checksums |
//! | 8 | [`MAGIC`] |

use twox_hash::XxHash3_64;

use crate::oci::Digest;

/// Bytes that share a checksum. The last piece of a blob may be shorter.
pub(super) const PIECE: u64 = 64 * 1024;

/// Marks a complete copy, and the version of its format.
const MAGIC: [u8; 8] = *b"afcopy-1";

/// Extension of a file that is being filled.
pub(super) const PARTIAL: &str = "part";

/// The number of pieces of a blob.
pub(super) fn pieces(size: u64) -> usize {
    usize::try_from(size.div_ceil(PIECE)).unwrap_or(usize::MAX)
}

/// The length of the file that holds a blob of this size.
pub(super) fn file_length(size: u64) -> u64 {
    size + 8 * size.div_ceil(PIECE) + 16
}

/// The size of the blob in a file of this length. `None` if no blob gives such a file.
pub(super) fn blob_size(length: u64) -> Option<u64> {
    let rest = length.checked_sub(16)?;
    let size = rest.checked_sub(8 * rest.div_ceil(PIECE + 8))?;
    (file_length(size) == length).then_some(size)
}

/// The checksum of a piece.
pub(super) fn checksum(piece: &[u8]) -> u64 {
    XxHash3_64::oneshot(piece)
}

/// What follows the bytes of the blob.
pub(super) fn trailer(sums: impl Iterator<Item = u64>) -> Vec<u8> {
    let mut trailer: Vec<u8> = sums.flat_map(u64::to_le_bytes).collect();
    trailer.extend_from_slice(&checksum(&trailer).to_le_bytes());
    trailer.extend_from_slice(&MAGIC);
    trailer
}

/// The checksums in a trailer. `None` if the trailer is damaged.
pub(super) fn parse_trailer(trailer: &[u8]) -> Option<Vec<u64>> {
    let number = |bytes: &[u8]| bytes.try_into().ok().map(u64::from_le_bytes);
    let sums = trailer.strip_suffix(&MAGIC)?;
    let (sums, own) = sums.split_at_checked(sums.len().checked_sub(8)?)?;
    if number(own)? != checksum(sums) {
        return None;
    }
    sums.chunks(8).map(number).collect()
}

/// The name of the file with the copy of a blob.
pub(super) fn file_name(digest: &Digest) -> String {
    format!("{}-{}", digest.algorithm(), digest.hex())
}

/// The digest of the blob in a file of this name.
pub(super) fn digest_of(name: &str) -> Option<Digest> {
    name.replacen('-', ":", 1).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::Algorithm;
    use crate::stream::hashing::digest;

    #[test]
    fn the_size_follows_from_the_length() {
        for size in [1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, (5 << 30) + 7] {
            assert_eq!(blob_size(file_length(size)), Some(size), "{size}");
        }
        for length in [0, 15, 20, 8 + 16] {
            assert_eq!(blob_size(length), None, "{length}");
        }
    }

    #[test]
    fn a_trailer_gives_its_checksums_back_or_is_damaged() {
        let sums = [1, u64::MAX, 3];
        let whole = trailer(sums.into_iter());
        assert_eq!(parse_trailer(&whole).unwrap(), sums);
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            assert!(parse_trailer(&damaged).is_none(), "{at}");
        }
        assert!(parse_trailer(&whole[8..]).is_none());
        assert!(parse_trailer(&[0; 40]).is_none());
        assert!(parse_trailer(&[]).is_none());
    }

    #[test]
    fn a_name_is_a_digest() {
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            let digest = digest(algorithm, b"abc");
            assert_eq!(digest_of(&file_name(&digest)), Some(digest));
        }
        for name in ["lock", "sha256-12", "x.part"] {
            assert_eq!(digest_of(name), None);
        }
    }
}
