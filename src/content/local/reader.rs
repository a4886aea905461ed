//! Reading a file from the files of its leaves.

use std::ops::Range;

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::leaf::OpenLeaf;
use super::miss::Miss;
use super::repository::Repository;
use super::walk::Walk;
use crate::content::buffers::Buffers;
use crate::ipld::Cid;
use crate::stream::bulk::spawn_blocking;

/// Reads a file, or a range of it. While one leaf is read, the next one is opened.
pub(in crate::content) struct Reader {
    repository: Repository,
    buffers: Buffers,
    cid: Cid,
    leaf: OpenLeaf,
    ahead: Option<JoinHandle<Step>>,
    at: u64,
    end: u64,
    verify: bool,
}

/// The next leaf, and the walk that goes on after it.
type Step = Result<(Walk, OpenLeaf), Miss>;

impl Reader {
    /// Opens the first leaf. `range` is not empty and ends within the file of `size` bytes. With `verify` each leaf is
    /// compared with its CID before the first byte of it is returned; without, the caller must compare the digest.
    pub(in crate::content) async fn open(
        repository: &Repository,
        buffers: &Buffers,
        cid: Cid,
        size: u64,
        range: Range<u64>,
        verify: bool,
    ) -> Result<Self, Miss> {
        let walk = Walk::new(repository.clone(), cid, size);
        let first = join(cid, step(walk, cid, range.start, verify)).await;
        let (walk, leaf) = repository.counted(first)?;
        let mut reader = Self {
            repository: repository.clone(),
            buffers: buffers.clone(),
            cid,
            leaf,
            ahead: None,
            at: range.start,
            end: range.end,
            verify,
        };
        reader.look_ahead(walk);
        Ok(reader)
    }

    /// The byte of the file that is read next.
    pub(in crate::content) fn at(&self) -> u64 {
        self.at
    }

    /// The next bytes. Returns the reader too, so that the future needs no borrow of it.
    pub(in crate::content) async fn next(mut self) -> (Self, Result<Bytes, Miss>) {
        let read = self.read().await;
        let read = read.inspect_err(|miss| self.repository.missed(miss));
        (self, read)
    }

    async fn read(&mut self) -> Result<Bytes, Miss> {
        if self.at == self.leaf.end {
            let Some(ahead) = self.ahead.take() else {
                return Err(Miss::Odd(self.cid, format!("it ends after {} bytes", self.at)));
            };
            let (walk, leaf) = join(self.cid, ahead).await?;
            self.leaf = leaf;
            self.look_ahead(walk);
        }
        let left = self.leaf.end.min(self.end) - self.at;
        let buffer = self.buffers.take();
        let wanted =
            usize::try_from(left).map_or(buffer.capacity(), |left| left.min(buffer.capacity()));
        let bytes = self.leaf.read(buffer, self.at, wanted).await?;
        self.at += wanted as u64;
        Ok(bytes)
    }

    fn look_ahead(&mut self, walk: Walk) {
        let next = self.leaf.end;
        self.ahead = (next < self.end).then(|| step(walk, self.cid, next, self.verify));
    }
}

/// Opens the leaf with the byte `from` of the file on a thread that may block.
fn step(mut walk: Walk, file: Cid, from: u64, verify: bool) -> JoinHandle<Step> {
    spawn_blocking(move || {
        let Some((leaf, start)) = walk.next(from)? else {
            return Err(Miss::Odd(file, format!("it ends before byte {from}")));
        };
        let leaf = OpenLeaf::open(walk.repository(), leaf, start)?;
        if verify {
            leaf.verify()?;
        }
        Ok((walk, leaf))
    })
}

async fn join(cid: Cid, step: JoinHandle<Step>) -> Step {
    step.await.unwrap_or_else(|error| Err(Miss::Io(cid, std::io::Error::other(error))))
}
