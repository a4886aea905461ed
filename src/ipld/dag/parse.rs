//! Parsing a node. The parser accepts only the canonical form: [`write_node`](super::write_node) would write each
//! accepted node byte for byte.

use thiserror::Error;

use super::encode::{BLOCK_SIZE, DATA, FILE, FILE_SIZE, LINK, LINK_HASH, LINK_NAME, LINK_TSIZE};
use super::tree::Link;
use super::varint;
use crate::ipld::Cid;

/// Why a block is not a file node of the profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DagError {
    /// A number or length reaches beyond the block, or is not in its shortest form.
    #[error("a field is cut off or not in its shortest form")]
    Cut,
    /// The canonical form does not have this field at this place.
    #[error("a field that no file node of this profile has")]
    Field,
    /// A link is not a version 1 SHA-256 CID of a raw or dag-pb block.
    #[error("a link to an unknown kind of CID")]
    Cid,
    /// Links, `blocksizes` and `filesize` contradict each other, or their sum exceeds 64 bits.
    #[error("links and sizes contradict each other")]
    Sizes,
}

/// Parses a file node and returns its children in the order of the file.
pub fn parse_node(block: &[u8]) -> Result<Vec<Link>, DagError> {
    let mut rest = block;
    let mut links = Vec::new();
    while rest.first() == Some(&LINK) {
        links.push(link(field(&mut rest, LINK)?)?);
    }
    let data = field(&mut rest, DATA)?;
    if !rest.is_empty() {
        return Err(DagError::Field);
    }
    sizes(data, &mut links)?;
    let total = |sum: u64, link: &Link| sum.checked_add(link.total);
    links.iter().try_fold(block.len() as u64, total).ok_or(DagError::Sizes)?;
    Ok(links)
}

/// Parses a `PBLink`. Its `size` follows later, from the UnixFS message.
fn link(mut rest: &[u8]) -> Result<Link, DagError> {
    let cid = Cid::from_bytes(field(&mut rest, LINK_HASH)?).ok_or(DagError::Cid)?;
    if !field(&mut rest, LINK_NAME)?.is_empty() {
        return Err(DagError::Field);
    }
    let total = number(&mut rest, LINK_TSIZE)?;
    if rest.is_empty() { Ok(Link { cid, size: 0, total }) } else { Err(DagError::Field) }
}

/// Sets the size of each child from the UnixFS message.
fn sizes(data: &[u8], links: &mut [Link]) -> Result<(), DagError> {
    let mut rest = data.strip_prefix(&FILE).ok_or(DagError::Field)?;
    let size = number(&mut rest, FILE_SIZE)?;
    let mut sum = 0u64;
    for link in links {
        if rest.is_empty() {
            return Err(DagError::Sizes);
        }
        link.size = number(&mut rest, BLOCK_SIZE)?;
        sum = sum.checked_add(link.size).ok_or(DagError::Sizes)?;
    }
    if rest.is_empty() && sum == size { Ok(()) } else { Err(DagError::Sizes) }
}

/// Consumes a field of bytes.
fn field<'a>(rest: &mut &'a [u8], tag: u8) -> Result<&'a [u8], DagError> {
    let len = usize::try_from(number(rest, tag)?).map_err(|_| DagError::Cut)?;
    let (value, after) = rest.split_at_checked(len).ok_or(DagError::Cut)?;
    *rest = after;
    Ok(value)
}

/// Consumes a field that is a number.
fn number(rest: &mut &[u8], tag: u8) -> Result<u64, DagError> {
    match rest.split_first() {
        None => Err(DagError::Cut),
        Some((found, _)) if *found != tag => Err(DagError::Field),
        Some((_, after)) => {
            *rest = after;
            varint::take(rest).ok_or(DagError::Cut)
        }
    }
}
