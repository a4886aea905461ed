//! The form of an archive of blocks (CARv1): a header that names the root, then each block after its length and its CID.

use super::Cid;
use super::dag::varint;

/// The header in dag-cbor up to the root: `{"roots": [` and the tag of a CID with the multibase prefix of binary.
const BEFORE_ROOT: &[u8] = b"\xa2\x65roots\x81\xd8\x2a\x58\x25\x00";
/// The header after the root: `], "version": 1}`.
const AFTER_ROOT: &[u8] = b"\x67version\x01";

/// Length of the header in bytes, without the byte that says so.
const HEADER: usize = BEFORE_ROOT.len() + Cid::BYTES + AFTER_ROOT.len();

/// Length in bytes of the beginning of every archive with one root.
pub const OPENING: usize = 1 + HEADER;

/// The beginning of an archive with this root.
pub fn opening(root: &Cid) -> Vec<u8> {
    let mut out = Vec::with_capacity(OPENING);
    varint::put(&mut out, HEADER as u64);
    out.extend_from_slice(BEFORE_ROOT);
    out.extend_from_slice(&root.to_bytes());
    out.extend_from_slice(AFTER_ROOT);
    out
}

/// The root of the archive that begins with these bytes. `None` for an archive that [`opening`] would not begin so.
pub fn root(opening_bytes: &[u8]) -> Option<Cid> {
    let at = 1 + BEFORE_ROOT.len();
    let root = Cid::from_bytes(opening_bytes.get(at..at + Cid::BYTES)?)?;
    (opening(&root) == opening_bytes).then_some(root)
}

/// What stands before a block of `len` bytes: its length with that of its CID, and the CID.
pub fn before_block(cid: &Cid, len: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(10 + Cid::BYTES);
    varint::put(&mut out, (Cid::BYTES + len) as u64);
    out.extend_from_slice(&cid.to_bytes());
    out
}

/// Takes the length of a block with its CID from the front of `input`. `None` if it is cut off or malformed.
pub fn take_block_length(input: &mut &[u8]) -> Option<usize> {
    varint::take(input).and_then(|len| usize::try_from(len).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipld::Codec;

    #[test]
    fn the_opening_names_the_root() {
        let cid = Cid::of_block(Codec::DagPb, b"hello");
        let bytes = opening(&cid);
        assert_eq!((bytes.len(), bytes[0]), (OPENING, 0x3a));
        assert_eq!(root(&bytes), Some(cid));
        assert_eq!(root(&bytes[..OPENING - 1]), None);
        let mut other = bytes.clone();
        other[OPENING - 1] = 2;
        assert_eq!(root(&other), None, "another version");
    }

    #[test]
    fn a_block_has_its_length_and_its_cid_before_it() {
        let cid = Cid::of_block(Codec::Raw, &[7; 300]);
        let before = before_block(&cid, 300);
        let mut rest = &before[..];
        assert_eq!(take_block_length(&mut rest), Some(Cid::BYTES + 300));
        assert_eq!(rest, cid.to_bytes());
    }
}
