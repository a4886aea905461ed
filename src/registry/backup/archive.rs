//! The blocks of one blob in a file. Every block is compared with its CID when it is written and when it is read.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::error::BackupError;
use super::file::NamedBlob;
use crate::ipfs::{Block, Kubo};
use crate::ipld::dag::parse_node;
use crate::ipld::{Cid, Codec, car};

/// Largest block in bytes that nodes exchange.
const BLOCK: usize = 2 << 20;

/// Path of the archive of a CID. The directories keep each from holding too many.
pub(super) fn path(directory: &Path, cid: &Cid) -> PathBuf {
    let name = cid.to_string();
    // The last character of a CID holds few bits.
    let shard = &name[name.len() - 3..name.len() - 1];
    directory.join("blobs").join(shard).join(format!("{name}.car"))
}

/// Writes the blocks of a blob from Kubo into its archive, in the order of the file, each once.
///
/// # Errors
/// [`BackupError::Ipfs`] if Kubo lacks a block or has a wrong one. Nothing is kept then.
pub(super) async fn write(
    kubo: &Kubo,
    directory: &Path,
    blob: &NamedBlob,
) -> Result<(), BackupError> {
    let path = path(directory, &blob.cid);
    let shard = path.parent().unwrap_or(directory);
    let made = DirBuilder::new().recursive(true).mode(0o700).create(shard);
    made.map_err(BackupError::io("make", shard))?;
    let new = path.with_extension("new");
    let written = write_to(kubo, &new, blob).await;
    if let Err(error) = written {
        // The next backup writes it again.
        let _ = fs::remove_file(&new);
        return Err(error);
    }
    fs::rename(&new, &path).map_err(BackupError::io("rename", &new))?;
    super::sync(shard).map_err(BackupError::io("sync", shard))
}

async fn write_to(kubo: &Kubo, path: &Path, blob: &NamedBlob) -> Result<(), BackupError> {
    let io = |error| BackupError::io("write", path)(error);
    let mut options = OpenOptions::new();
    // The content may be private.
    let file = options.create(true).truncate(true).write(true).mode(0o600).open(path);
    let mut out = BufWriter::with_capacity(1 << 20, file.map_err(io)?);
    out.write_all(&car::opening(&blob.cid)).map_err(io)?;
    let (mut seen, mut ahead) = (std::collections::HashSet::new(), vec![(blob.cid, blob.size)]);
    while let Some((cid, size)) = ahead.pop() {
        if cid.codec() == Codec::Raw && !seen.insert(cid) {
            continue;
        }
        let block = kubo.block(&cid).await?;
        ahead.extend(children(path, &cid, size, &block)?.into_iter().rev());
        if cid.codec() == Codec::Raw || seen.insert(cid) {
            out.write_all(&car::before_block(&cid, block.len())).map_err(io)?;
            out.write_all(&block).map_err(io)?;
        }
    }
    let file = out.into_inner().map_err(|error| io(error.into_error()))?;
    file.sync_all().map_err(io)
}

/// The blocks below a block, and their sizes.
fn children(
    path: &Path,
    cid: &Cid,
    size: u64,
    block: &[u8],
) -> Result<Vec<(Cid, u64)>, BackupError> {
    let odd = |reason: String| BackupError::damaged(path, format!("holds {cid}, which {reason}"));
    if cid.codec() == Codec::Raw {
        return match block.len() as u64 == size {
            true => Ok(Vec::new()),
            false => Err(odd(format!("has {} bytes instead of {size}", block.len()))),
        };
    }
    let links = parse_node(block).map_err(|error| odd(format!("is no node: {error}")))?;
    if links.iter().map(|link| link.size).sum::<u64>() != size {
        return Err(odd(format!("is not a file of {size} bytes")));
    }
    Ok(links.iter().map(|link| (link.cid, link.size)).collect())
}

/// Stores the blocks of an archive in Kubo, without a pin. Whether they are the whole blob is for the caller to check.
pub(super) async fn read(kubo: &Kubo, path: &Path, root: &Cid) -> Result<(), BackupError> {
    let io = |error| BackupError::io("read", path)(error);
    let mut input = BufReader::with_capacity(1 << 20, File::open(path).map_err(io)?);
    let mut opening = [0; car::OPENING];
    let begun = input.read_exact(&mut opening);
    if begun.is_err() || car::root(&opening) != Some(*root) {
        return Err(damaged(path));
    }
    while let Some(block) = next(&mut input, path)? {
        kubo.put(&block).await?;
    }
    Ok(())
}

/// The next block, compared with its CID. `None` at the end.
fn next(input: &mut impl Read, path: &Path) -> Result<Option<Block>, BackupError> {
    let io = |error| BackupError::io("read", path)(error);
    let mut prefix = Vec::new();
    loop {
        let mut byte = [0];
        match input.read(&mut byte) {
            Ok(0) if prefix.is_empty() => return Ok(None),
            Ok(0) => return Err(damaged(path)),
            Ok(_) => prefix.push(byte[0]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(io(error)),
        }
        if byte[0] < 0x80 || prefix.len() > 10 {
            break;
        }
    }
    let length = car::take_block_length(&mut prefix.as_slice());
    let length = length.filter(|length| (Cid::BYTES..=Cid::BYTES + BLOCK).contains(length));
    let mut section = vec![0; length.ok_or_else(|| damaged(path))?];
    input.read_exact(&mut section).map_err(|_| damaged(path))?;
    let block = Bytes::from(section);
    let (name, block) = (block.slice(..Cid::BYTES), block.slice(Cid::BYTES..));
    let cid = Cid::from_bytes(&name).ok_or_else(|| damaged(path))?;
    Block::received(&cid, block).map(Some).map_err(|_| damaged(path))
}

fn damaged(path: &Path) -> BackupError {
    let reason = "is damaged, nothing was restored: copy it anew, or remove it to restore without it, which puts its blob \
                  under quarantine";
    BackupError::damaged(path, reason)
}
