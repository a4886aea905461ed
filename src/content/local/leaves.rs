//! The leaves of one file, read at any byte.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::miss::Miss;
use super::repository::Repository;
use super::walk::Walk;
use crate::content::pages::{self, read_now};
use crate::ipld::Cid;
use crate::ipld::profile::LEAF_BYTES;

/// Where the bytes of a file are among the blocks of a repository. What is read is not compared with the CIDs.
pub(in crate::content) struct Leaves {
    repository: Repository,
    cids: Box<[Cid]>,
}

impl Leaves {
    /// Finds the leaves of a file of `size` bytes that is to be read. Looks whether each has its file, and reads none of
    /// them. `None` if one has not, or if they are not those of the import profile. Blocks.
    pub(in crate::content) fn find(repository: &Repository, cid: Cid, size: u64) -> Option<Self> {
        repository.counted(Self::list(repository, cid, size)).ok()
    }

    fn list(repository: &Repository, cid: Cid, size: u64) -> Result<Self, Miss> {
        let mut walk = Walk::new(repository.clone(), cid, size);
        let (mut cids, mut at) = (Vec::new(), 0);
        while let Some((leaf, start)) = walk.next(at)? {
            at = start + leaf.size;
            let usual = start.is_multiple_of(LEAF_BYTES) && leaf.size <= LEAF_BYTES;
            if !usual || (leaf.size < LEAF_BYTES && at < size) {
                return Err(Miss::Odd(
                    cid,
                    format!("its leaf {} has {} bytes", leaf.cid, leaf.size),
                ));
            }
            repository.look(&leaf)?;
            cids.push(leaf.cid);
        }
        Ok(Self { repository: repository.clone(), cids: cids.into() })
    }

    /// The number of leaves.
    pub(in crate::content) fn count(&self) -> usize {
        self.cids.len()
    }

    /// Fills `into` with what is in memory already, without waiting for the disk. `None` if that is not all.
    pub(in crate::content) fn read_now(&self, at: u64, into: &mut [u8]) -> Option<()> {
        self.each(at, into, |cid, offset, into| {
            let file = self.repository.file_now(cid).ok()?;
            (read_now(&file, offset, into) == into.len()).then_some(())
        })
    }

    /// Fills `into`. Blocks.
    pub(in crate::content) fn read(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        let mut failed = None;
        let read = self.each(at, into, |cid, offset, into| {
            let read = self.repository.file_blocking(cid);
            let read = read.and_then(|file: File| file.read_exact_at(into, offset));
            read.map_err(|error| failed = Some(error)).ok()
        });
        let ended = || failed.unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into());
        read.ok_or_else(ended)
    }

    /// Has the system read the leaf with the byte `at` into memory, if there is one. Blocks while its file is opened.
    pub(in crate::content) fn expect(&self, at: u64) {
        let leaf = usize::try_from(at / LEAF_BYTES).ok().and_then(|leaf| self.cids.get(leaf));
        if let Some(Ok(file)) = leaf.map(|cid| self.repository.file_blocking(cid)) {
            pages::expect(&file);
        }
    }

    /// Reads the part of each leaf that `into` covers. `None` from the first one that fails, or beyond the last leaf.
    fn each(
        &self,
        mut at: u64,
        mut into: &mut [u8],
        mut read: impl FnMut(&Cid, u64, &mut [u8]) -> Option<()>,
    ) -> Option<()> {
        while !into.is_empty() {
            let cid = self.cids.get(usize::try_from(at / LEAF_BYTES).ok()?)?;
            let offset = at % LEAF_BYTES;
            let length = into.len().min((LEAF_BYTES - offset) as usize);
            let (now, rest) = into.split_at_mut(length);
            read(cid, offset, now)?;
            (at, into) = (at + length as u64, rest);
        }
        Some(())
    }
}

impl std::fmt::Debug for Leaves {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Leaves").field("count", &self.count()).finish_non_exhaustive()
    }
}
