//! The file of one leaf.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;

use super::miss::{Miss, compare_length};
use super::repository::Repository;
use crate::content::buffers::Buffer;
use crate::content::pages::{TOGETHER, expect, read_now};
use crate::ipld::Cid;
use crate::ipld::dag::Leaf;
use crate::oci::{Algorithm, Digest};
use crate::stream::bulk::spawn_blocking;
use crate::stream::hashing::Hasher;

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
        compare_length(&leaf, file.metadata())?;
        expect(&file);
        Ok(Self { file: Arc::new(file), cid, start, end: start + size })
    }

    /// Compares the bytes with the CID. Blocks.
    pub(super) fn verify(&self) -> Result<(), Miss> {
        let size = self.end - self.start;
        let (mut hasher, mut piece) = (Hasher::new(Algorithm::Sha256), vec![0; TOGETHER]);
        let mut at = 0;
        while at < size {
            let len = usize::try_from(size - at).map_or(TOGETHER, |left| left.min(TOGETHER));
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
