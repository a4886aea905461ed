//! Writing a node.
//!
//! In the canonical form the links come first, then the UnixFS message (dag-pb specification, "Serial Format"; UnixFS
//! specification, `dag-pb` `File`). `blocksizes` is unpacked, as Go's protobuf writes it: packed, a file would get
//! another CID.

use super::tree::{Link, Node};
use super::varint;
use crate::ipld::{Cid, Codec};

/// `PBNode.Links` and `PBNode.Data`.
pub(super) const LINK: u8 = 0x12;
pub(super) const DATA: u8 = 0x0a;
/// `PBLink.Hash`, `.Name` and `.Tsize`.
pub(super) const LINK_HASH: u8 = 0x0a;
pub(super) const LINK_NAME: u8 = 0x12;
pub(super) const LINK_TSIZE: u8 = 0x18;
/// UnixFS `Type` with the value `File`, `filesize` and `blocksizes`.
pub(super) const FILE: [u8; 2] = [0x08, 0x02];
pub(super) const FILE_SIZE: u8 = 0x18;
pub(super) const BLOCK_SIZE: u8 = 0x20;

/// Writes the node of a file that consists of `links`. Returns it with the link that its parent holds.
///
/// The links are of one file, so the sums of their sizes and totals stay far below 64 bits.
pub fn write_node(links: &[Link]) -> (Node, Link) {
    let size: u64 = links.iter().map(|link| link.size).sum();
    let bytes = bytes(links, size);
    let cid = Cid::of_block(Codec::DagPb, &bytes);
    let total = bytes.len() as u64 + links.iter().map(|link| link.total).sum::<u64>();
    (Node { cid, bytes: bytes.into() }, Link { cid, size, total })
}

/// The block of a node over `links` that together hold `size` bytes.
fn bytes(links: &[Link], size: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + links.len() * 64);
    for link in links {
        let len = 2 + Cid::BYTES + 2 + 1 + varint::len(link.total);
        out.push(LINK);
        varint::put(&mut out, len as u64);
        out.extend([LINK_HASH, Cid::BYTES as u8]);
        out.extend(link.cid.to_bytes());
        out.extend([LINK_NAME, 0, LINK_TSIZE]);
        varint::put(&mut out, link.total);
    }
    let sizes: usize = links.iter().map(|link| 1 + varint::len(link.size)).sum();
    out.push(DATA);
    varint::put(&mut out, (FILE.len() + 1 + varint::len(size) + sizes) as u64);
    out.extend(FILE);
    out.push(FILE_SIZE);
    varint::put(&mut out, size);
    for link in links {
        out.push(BLOCK_SIZE);
        varint::put(&mut out, link.size);
    }
    out
}
