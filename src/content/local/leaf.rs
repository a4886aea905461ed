//! The file of one leaf.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use rustix::fs::{Advice, fadvise};
use tokio::task::spawn_blocking;

use super::miss::Miss;
use super::repository::Repository;
use crate::content::buffers::Buffer;
use crate::content::pages::read_now;
use crate::ipld::Cid;
use crate::ipld::dag::Leaf;
use crate::oci::{Algorithm, Digest};
use crate::stream::hashing::Hasher;

/// Bytes that are hashed at once.
const PIECE: usize = 128 << 10;

/// A leaf whose file is open.
pub(super) struct OpenLeaf {
    file: Arc<File>,
    cid: Cid,
    /// The byte of the blob at which it begins.
    pub(super) start: u64,
    /// The byte of the blob at which the next leaf begins.
    pub(super) end: u64,
}

impl OpenLeaf {
    /// Opens the file, and has the system read it into the page cache. Blocks.
    pub(super) fn open(repository: &Repository, leaf: Leaf, start: u64) -> Result<Self, Miss> {
        let Leaf { cid, size } = leaf;
        let file = repository.file(&cid)?;
        let found = file.metadata().map_err(|error| Miss::of(cid, error))?.len();
        if found != size {
            return Err(Miss::Odd(cid, format!("its file has {found} bytes, not {size}")));
        }
        // Only advice: where it is not taken, the reads wait for the disk.
        let _ = fadvise(&file, 0, None, Advice::WillNeed);
        Ok(Self { file: Arc::new(file), cid, start, end: start + size })
    }

    /// Compares the bytes with the CID. Blocks.
    pub(super) fn verify(&self) -> Result<(), Miss> {
        let size = self.end - self.start;
        let (mut hasher, mut piece) = (Hasher::new(Algorithm::Sha256), vec![0; PIECE]);
        let mut at = 0;
        while at < size {
            let len = usize::try_from(size - at).map_or(PIECE, |left| left.min(PIECE));
            let read = self.file.read_exact_at(&mut piece[..len], at);
            read.map_err(|error| Miss::of(self.cid, error))?;
            hasher.update(&piece[..len]);
            at += len as u64;
        }
        let expected = Digest::from_hash(Algorithm::Sha256, self.cid.sha256());
        if hasher.finish() == expected { Ok(()) } else { Err(Miss::Damaged(self.cid)) }
    }

    /// Reads `wanted` bytes from the byte `at` of the blob on. Waits for the disk on another thread.
    pub(super) async fn read(
        &self,
        mut buffer: Buffer,
        at: u64,
        wanted: usize,
    ) -> Result<Bytes, Miss> {
        let offset = at - self.start;
        let read = read_now(&self.file, offset, buffer.first(wanted));
        if read == wanted {
            return Ok(buffer.freeze(0..wanted));
        }
        let file = Arc::clone(&self.file);
        let rest = spawn_blocking(move || {
            file.read_exact_at(&mut buffer.first(wanted)[read..], offset + read as u64)?;
            Ok(buffer.freeze(0..wanted))
        });
        let rest = rest.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        rest.map_err(|error| Miss::of(self.cid, error))
    }
}
